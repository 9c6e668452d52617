"""The engine's events in words: what the program announces, what is being made or ended, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pulumi.automation import EngineEvent, OpType

from words import later, phrase

_DOING = {
    OpType.CREATE: later("making"),
    OpType.CREATE_REPLACEMENT: later("making"),
    OpType.IMPORT: later("taking over"),
    OpType.UPDATE: later("changing"),
    OpType.DELETE: later("ending"),
    OpType.DELETE_REPLACED: later("ending"),
    OpType.REPLACE: later("replacing"),
}
#: Groups and bookkeeping of the program: nothing in the cloud stands for them.
_BOOKKEEPING = ("chatglm:", "pulumi:")
#: What the engine adds to a program's own words.
_FRAME = ("update failed", "preview failed", "an unhandled error occurred: program exited")


@dataclass
class Narrator:
    """Collects an update's events; `say` hears each line as it comes, `show` what replaces the line before.

    The program does not know that it runs for a destroy, so what it announces then is the plan of an update that does
    not come: with `destroying` nothing but warnings is told before the first thing ends.
    """

    say: Callable[[str], None] = lambda _: None
    show: Callable[[str], None] = lambda _: None
    destroying: bool = False
    announcements: list[str] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _ending: bool = False

    def hear(self, event: EngineEvent) -> None:
        """Take one event. The engine sends them from its own thread."""
        if event.diagnostic_event is not None:
            message = event.diagnostic_event
            self._message(message.message, message.severity, ephemeral=bool(message.ephemeral))
        elif event.resource_pre_event is not None:
            metadata = event.resource_pre_event.metadata
            doing = _DOING.get(metadata.op)
            self._ending = self._ending or metadata.op in (OpType.DELETE, OpType.DELETE_REPLACED)
            if doing and not metadata.type.startswith(_BOOKKEEPING):
                name = metadata.urn.rpartition("::")[2]
                deed = phrase("{doing} {name} ({kind})", doing=phrase(doing), name=name, kind=_kind(metadata.type))
                self.deeds.append(deed)
                self.say(f"{deed[0].upper()}{deed[1:]}")

    def _message(self, text: str, severity: str, *, ephemeral: bool) -> None:
        text = _plain(text)
        if not text:
            return
        if severity == "error":
            if text not in self.errors:
                self.errors.append(text)
        elif severity != "warning" and self.destroying and not self._ending:
            return
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
    return "\n".join(short or told or errors) or phrase("The update failed; pulumi up shows why.")
