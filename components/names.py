"""Names and tags by which a stack knows its own in the cloud."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from components.facts import TAG_COMMIT, TAG_GENERATION, TAG_LAUNCH, TAG_MACHINE, TAG_STACK

if TYPE_CHECKING:
    from components.lifecycle import Capture

_IMAGE_NAME_LIMIT = 60  # CreateImage, ImageName


def image_name(stack: str, generation: int, machine_id: str) -> str:
    """An image's name, at most 60 characters, unlike any other: it says stack, generation and machine.

    It stays the same when an update is tried again, so that an image whose answer was lost is known by it.
    """
    suffix = f"-{generation}-{machine_id}"
    return f"chatglm-{stack}"[: _IMAGE_NAME_LIMIT - len(suffix)] + suffix


def parse_image_name(name: str) -> tuple[int, str]:
    """Generation and machine from an image's name; (0, "") for a name of another make."""
    match = re.search(r"-(\d+)-(ins-\w+)$", name)
    return (int(match[1]), match[2]) if match else (0, "")


def machine_tags(stack_id: str, launch: str) -> dict[str, str]:
    return {TAG_STACK: stack_id, TAG_LAUNCH: launch}


def image_tags(stack_id: str, capture: Capture, commit: str) -> dict[str, str]:
    return {
        TAG_STACK: stack_id,
        TAG_MACHINE: capture.machine_id,
        TAG_GENERATION: str(capture.generation),
        TAG_COMMIT: commit,
    }


def find_commit() -> str:
    """The commit of the program that runs, "unknown" outside a repository."""
    try:
        run = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return run.stdout.strip()
