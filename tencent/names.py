"""Names and tags by which a stack knows its own in the cloud."""

from __future__ import annotations

import re
import subprocess

from guest.unattended.names import image_name as image_name
from tencent.facts import (
    TAG_COMMIT,
    TAG_EDITION,
    TAG_GENERATION,
    TAG_LAUNCH,
    TAG_MACHINE,
    TAG_OWNER,
    TAG_STACK,
)


def parse_image_name(name: str) -> tuple[int, str]:
    """Generation and machine from an image's name; (0, "") for a name of another make."""
    match = re.search(r"-(\d+)-(ins-\w+)$", name)
    return (int(match[1]), match[2]) if match else (0, "")


def owner_tags(identity: str, edition: str = "") -> dict[str, str]:
    """The mark of a state on what it owns; empty where the state has no identity that would last."""
    if not identity:
        return {}
    return {TAG_OWNER: identity, **({TAG_EDITION: edition} if edition else {})}


def machine_tags(stack_id: str, launch: str) -> dict[str, str]:
    return {TAG_STACK: stack_id, TAG_LAUNCH: launch}


def image_tags(stack_id: str, machine_id: str, generation: int, commit: str) -> dict[str, str]:
    return {
        TAG_STACK: stack_id,
        TAG_MACHINE: machine_id,
        TAG_GENERATION: str(generation),
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
