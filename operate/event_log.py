"""The stack's event log: what guards decided and did, what persons changed, and what the machine wrote, in one order.

The guard's lines lie in the stack's own tags, persons' changes in the stack's update history: both are kept by its
backend, beside the state, so that whoever can run the stack reads the same log on any computer. The machine's lines lie
on its disk and in its images; what a guard has seen of them goes into the tag as well, before the disk is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from guest.unattended.events import (
    CHANGE,
    DONE,
    FAILED,
    GUARD,
    MACHINE,
    PERSON,
    Event,
    parse_event,
    parse_events,
    stamp,
)
from operate.channel import Channel
from operate.errors import OperateError
from operate.queries import ask
from operate.stacks import Stack
from words import LANGUAGES, in_each, phrase, worded

TAG = "chatglm:events"
SPENT_TAG = "chatglm:spent"
#: Begins the message of each update by a guard.
MESSAGE = "chatglm guard: "
#: So many lines stay in the tag. Pulumi's service takes 256 characters a tag: there it is the last ones that fit.
_LINES, _MACHINE_LINES = 150, 100
_SERVICE_CHARACTERS = 256
#: A command line of Windows takes 32,767 characters in all.
_CHARACTERS = 24_000
_HISTORY = 50
#: An update of the history is the guard's own line where that stands within so many seconds.
_NEAR_SECONDS = 120.0


class StackLog:
    """The log of one stack. Reading raises OperateError where the backend does not answer; writing does so too."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._tags: dict[str, str] | None = None
        self._history: list[Event] | None = None

    def events(self) -> list[Event]:
        """Everything that is kept with the stack, the oldest first."""
        return merge(self.kept(), self.history())

    def kept(self) -> list[Event]:
        """The lines in the stack's tag; those of another version, or damaged ones, are passed over."""
        return parse_events(self._read().get(TAG, "").splitlines())

    def history(self) -> list[Event]:
        """The stack's last updates, whoever ran them."""
        if self._history is None:
            answer = ask(
                self._stack.project,
                self._stack.environment,
                *("stack", "history", "--json", "--page-size", str(_HISTORY), "--stack", self._stack.name),
            )
            rows = _json(answer.stdout) if answer.returncode == 0 else []
            self._history = [event for row in rows or () if (event := of_update(row)) is not None]
        return self._history

    def append(self, *events: Event) -> None:
        """Add lines. Raises OperateError where they could not be kept."""
        # Another guard may have written meanwhile.
        self._tags = None
        self._write(TAG, trimmed([*self.kept(), *events]))

    def append_machine(self, found: Sequence[Event]) -> list[Event]:
        """Add those of the machine's lines that are not kept yet; gives them."""
        known = set(map(_line, self.kept()))
        new = [event for event in found[-_MACHINE_LINES:] if _line(event) not in known]
        if new:
            self.append(*new)
        return new

    def spent(self) -> dict[str, Any]:
        """The ledger of what the stack has cost, as it was last written."""
        found = _json(self._read().get(SPENT_TAG, ""))
        return found if isinstance(found, dict) else {}

    def write_spent(self, ledger: Mapping[str, Any]) -> None:
        """Raises OperateError."""
        self._write(SPENT_TAG, json.dumps(ledger, separators=(",", ":")))

    def _read(self) -> dict[str, str]:
        if self._tags is None:
            answer = self._ask("stack", "tag", "ls", "--json", "--stack", self._stack.name)
            found = _json(answer) or {}
            self._tags = {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
        return self._tags

    def _write(self, tag: str, value: str) -> None:
        command = ("stack", "tag", "set", tag)
        answer = ask(self._stack.project, self._stack.environment, *command, value, "--stack", self._stack.name)
        if answer.returncode and len(value) > _SERVICE_CHARACTERS:
            value = _last_lines(value, _SERVICE_CHARACTERS)
            answer = ask(self._stack.project, self._stack.environment, *command, value, "--stack", self._stack.name)
        if answer.returncode:
            raise OperateError(
                phrase("The stack's event log could not be written: {reason}", reason=_last(answer.stderr))
            )
        self._read()[tag] = value

    def _ask(self, *command: str) -> str:
        answer = ask(self._stack.project, self._stack.environment, *command)
        if answer.returncode:
            raise OperateError(phrase("The stack's event log could not be read: {reason}", reason=_last(answer.stderr)))
        return answer.stdout


def trimmed(events: Sequence[Event], lines: int = _LINES) -> str:
    """The newest events as the tag's text: a line each."""
    text = "\n".join(event.as_line() for event in events[-lines:])
    return _last_lines(text, _CHARACTERS)


def merge(*logs: Iterable[Event]) -> list[Event]:
    """Several logs in the order of time, each line once. An update that a guard wrote down itself is left out."""
    found: dict[str, Event] = {}
    for log in logs:
        for event in log:
            found.setdefault(_line(event), event)
    ordered = sorted(found.values(), key=lambda event: event.time)
    own = [event for event in ordered if event.by == GUARD and not event.detail.startswith(MESSAGE)]
    return [event for event in ordered if not (_is_guards_update(event) and _is_told(event, own))]


def read_machine(channel: Channel) -> list[Event]:
    """The last lines of the log on the machine. Raises OperateError."""
    rows = channel.ask("events").get("events") or ()
    found = [event for row in rows if isinstance(row, Mapping) and (event := parse_event(row)) is not None]
    return [event for event in found if event.by == MACHINE]


def of_update(row: Mapping[str, Any]) -> Event | None:
    """An update of the history as an event; None for one that is under way or of a form that is not known."""
    message, result = str(row.get("message") or ""), str(row.get("result") or "")
    ended = str(row.get("endTime") or row.get("startTime") or "")
    if result not in ("succeeded", "failed") or not ended:
        return None
    try:
        moment = stamp(datetime.fromisoformat(ended.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return None
    state = ((row.get("config") or {}).get("chatglm:state") or {}).get("value")
    kind = str(row.get("kind") or "update")
    act = ("park" if state == "parked" else "up") if kind == "update" else kind
    by = GUARD if message.startswith(MESSAGE) else PERSON
    outcome = DONE if result == "succeeded" else FAILED
    return Event(moment, by, CHANGE, act, outcome=outcome, detail=message.splitlines()[0] if message else "")


def worded_event(event: Event) -> dict[str, str]:
    """The event's words in each language, by its name."""

    def detail(text: str) -> tuple[str, str]:
        told = in_each(lambda: worded(text))
        return told["en"], told["zh"]

    return dict(zip(LANGUAGES, event.words(detail), strict=True))


def newest_change(events: Iterable[Event], by: str) -> Event | None:
    """The last change by that author."""
    return max((one for one in events if one.by == by and one.what == CHANGE), key=lambda one: one.time, default=None)


def seconds_since(event: Event, now: float) -> float:
    """How long ago an event was; negative where its clock was ahead of `now`."""
    try:
        return now - datetime.fromisoformat(event.time.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return 0.0


def _is_guards_update(event: Event) -> bool:
    return event.by == GUARD and event.what == CHANGE and event.detail.startswith(MESSAGE)


def _is_told(update: Event, own: Iterable[Event]) -> bool:
    """Whether the guard that ran an update lived to write its end down."""
    ends = (one for one in own if one.what == CHANGE and one.outcome in (DONE, FAILED))
    moment = seconds_since(update, 0.0)
    return any(abs(seconds_since(one, 0.0) - moment) <= _NEAR_SECONDS for one in ends)


def _last_lines(text: str, characters: int) -> str:
    kept = ""
    for line in reversed(text.splitlines()):
        longer = f"{line}\n{kept}" if kept else line
        if len(longer) > characters:
            break
        kept = longer
    return kept


def _line(event: Event) -> str:
    return json.dumps(event.as_dict(), ensure_ascii=False, sort_keys=True)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else phrase("no reason given")
