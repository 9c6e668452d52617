"""The engine's events in words: what the program announces, what is being made or ended, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pulumi.automation import EngineEvent, OpType

_DOING = {
    OpType.CREATE: "making",
    OpType.CREATE_REPLACEMENT: "making",
    OpType.IMPORT: "taking over",
    OpType.UPDATE: "changing",
    OpType.DELETE: "ending",
    OpType.DELETE_REPLACED: "ending",
    OpType.REPLACE: "replacing",
}
#: Groups and bookkeeping of the program: nothing in the cloud stands for them.
_BOOKKEEPING = ("chatglm:", "pulumi:")
#: What the engine adds to a program's own words.
_FRAME = ("update failed", "preview failed", "an unhandled error occurred: program exited")


@dataclass
class Narrator:
    """Collects an update's events; `say` hears each line as it comes, `show` what replaces the line before."""

    say: Callable[[str], None] = lambda _: None
    show: Callable[[str], None] = lambda _: None
    announcements: list[str] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def hear(self, event: EngineEvent) -> None:
        """Take one event. The engine sends them from its own thread."""
        if event.diagnostic_event is not None:
            message = event.diagnostic_event
            self._message(message.message, message.severity, ephemeral=bool(message.ephemeral))
        elif event.resource_pre_event is not None:
            metadata = event.resource_pre_event.metadata
            doing = _DOING.get(metadata.op)
            if doing and not metadata.type.startswith(_BOOKKEEPING):
                deed = f"{doing} {metadata.urn.rpartition('::')[2]} ({_kind(metadata.type)})"
                self.deeds.append(deed)
                self.say(f"{deed[0].upper()}{deed[1:]}")

    def _message(self, text: str, severity: str, *, ephemeral: bool) -> None:
        text = _plain(text)
        if not text:
            return
        if severity == "error":
            if text not in self.errors:
                self.errors.append(text)
        elif ephemeral:
            self.show(text)
        elif severity in ("info", "warning") and text not in self.announcements:
            self.announcements.append(text)
            self.say(text)


def _plain(text: str) -> str:
    """The text without the engine's colour marks (`<{%reset%}>`) and its prefix."""
    while (start := text.find("<{%")) >= 0 and (end := text.find("%}>", start)) >= 0:
        text = text[:start] + text[end + 3 :]
    return text.strip().removeprefix("error:").strip()


def _kind(token: str) -> str:
    """The readable middle of a type token: tencentcloud:Images/instance:Instance is of Images."""
    return token.partition(":")[2].partition("/")[0]


def tell_failure(errors: list[str]) -> str:
    """The one message of a failed update: the program's own words without the engine's frame."""
    told = [one for one in errors if not any(frame in one for frame in _FRAME)]
    # The language host repeats a program's refusal with its traceback; the refusal itself came before.
    short = [one for one in told if "Traceback (most recent call last)" not in one]
    return "\n".join(short or told or errors) or "The update failed; pulumi up shows why."
