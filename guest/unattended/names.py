"""Names and tags by which a stack knows its own in the cloud: one table for the machine and for the operator's side."""

from __future__ import annotations

from dataclasses import dataclass, field

from guest.unattended.decision import Reason

#: Tags that tie machines and images to a stack.
TAG_STACK = "chatglm-stack"
TAG_LAUNCH = "chatglm-launch"
TAG_MACHINE = "chatglm-machine"
TAG_GENERATION = "chatglm-generation"
TAG_COMMIT = "chatglm-commit"
#: The identity of the state that owns it, and the edition of that state that used it last (see docs/ownership.md).
TAG_OWNER = "chatglm-owner"
TAG_EDITION = "chatglm-edition"
#: On an image that a machine made of itself: the identity once more, so that the role's policy reaches no other image;
#: and when and why, with the letters of that park (`parked_value`).
TAG_PARKER = "chatglm-parker"
TAG_PARKED = "chatglm-parked"

_IMAGE_NAME_LIMIT = 60  # CreateImage, ImageName


def image_name(stack: str, generation: int, machine_id: str) -> str:
    """An image's name, at most 60 characters, unlike any other: it says stack, generation and machine.

    It stays the same when an update is tried again, so that an image whose answer was lost is known by it.
    """
    suffix = f"-{generation}-{machine_id}"
    return f"chatglm-{stack}"[: _IMAGE_NAME_LIMIT - len(suffix)] + suffix


def parked_value(token: str, at: str, reason: Reason) -> str:
    """The value of TAG_PARKED: letters of the park, the time in UTC, the reason and its parts.

    Only characters that a tag may hold; a tag's value has at most 255.
    """
    parts = [f"{name}={str(value).replace(' ', '_')}" for name, value in reason.parts.items()]
    return " ".join((token, at, reason.id, *parts))[:255]


@dataclass(frozen=True)
class Parked:
    """What TAG_PARKED says: letters, time and reason of the park."""

    token: str = ""
    at: str = ""
    reason: Reason = field(default_factory=lambda: Reason(""))


def parse_parked(value: str) -> Parked:
    """Empty for a value of another make."""
    words = value.split()
    if len(words) < 3:
        return Parked()
    parts = (word.partition("=") for word in words[3:])
    return Parked(words[0], words[1], Reason(words[2], {name: text for name, _, text in parts}))
