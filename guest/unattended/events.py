"""The event log: one line of JSON for each decision and each change, on the machine and with the stack alike.

A machine can vanish in the middle of a line: what is not whole is passed over.
"""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.files import replace_file
from guest.phrases import with_phrases, without_phrases
from guest.unattended.decision import Decision, Reason
from guest.unattended.words import say_change

#: On the machine, in its folder `state`.
FILE = "events.jsonl"
SCHEMA = 1
#: A longer log loses its older half.
MAX_BYTES = 512 * 1024

# Whose line it is.
MACHINE, GUARD, PERSON = "machine", "guard", "person"
# What it tells of.
DECISION, CHANGE, NOTICE = "decision", "change", "notice"
# How a change or a notice ended; a decision has none.
BEGUN, DONE, FAILED, GIVEN_UP = "begun", "done", "failed", "given up"


@dataclass(frozen=True)
class Event:
    """`time` is UTC as `stamp` writes it; `act` a decision's word, or what was changed; `detail` free words.

    `machine` is the id of the machine that it is of, where that is known.
    """

    time: str
    by: str
    what: str
    act: str
    reason: Reason = field(default_factory=lambda: Reason(""))
    outcome: str = ""
    detail: str = ""
    machine: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The line's object; what is empty is left out."""
        rest = {"outcome": self.outcome, "detail": self.detail, "machine": self.machine}
        reason = {"reason": {"id": self.reason.id, "parts": dict(self.reason.parts)}} if self.reason.id else {}
        return {
            "schema": SCHEMA,
            "time": self.time,
            "by": self.by,
            "what": self.what,
            "act": self.act,
            **reason,
            **{key: value for key, value in rest.items() if value},
        }

    def words(self, detail: Callable[[str], tuple[str, str]] = lambda text: (text, text)) -> tuple[str, str]:
        """Act, outcome, reason and detail in English and Chinese, without time and author.

        `detail` words the free words, which the machine itself has in English alone.
        """
        english, chinese = say_change(self.act, self.outcome, self.reason)
        more = detail(self.detail) if self.detail else ("", "")
        return " ".join(filter(None, (english, more[0]))), " ".join(filter(None, (chinese, more[1])))

    def as_line(self) -> str:
        """The line of a log, without its end; sentences among its words keep their forms and parts."""
        return json.dumps(with_phrases(self.as_dict()), ensure_ascii=False)


def stamp(now: float) -> str:
    """A moment as events write it: UTC, to the second."""
    return datetime.datetime.fromtimestamp(now, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def of_decision(time: str, by: str, decision: Decision, machine: str = "") -> Event:
    """A decision as an event."""
    return Event(time, by, DECISION, decision.act, decision.reason, machine=machine)


def parse_event(document: Mapping[str, Any]) -> Event | None:
    """The event in a line's object; None for what is none, or of a newer form."""
    document = without_phrases(dict(document))
    texts = {key: document.get(key, "") for key in ("time", "by", "what", "act", "outcome", "detail", "machine")}
    if document.get("schema") != SCHEMA or not all(isinstance(value, str) for value in texts.values()):
        return None
    if not all(texts[key] for key in ("time", "by", "what", "act")):
        return None
    reason = document.get("reason")
    parts = reason.get("parts") if isinstance(reason, Mapping) else None
    found = Reason("")
    if isinstance(reason, Mapping) and isinstance(reason.get("id"), str):
        found = Reason(reason["id"], parts if isinstance(parts, Mapping) else {})
    return Event(reason=found, **texts)


def parse_events(lines: Iterable[str]) -> list[Event]:
    """The events of a log's lines; a line that is not whole is passed over."""
    events = []
    for line in lines:
        try:
            document = json.loads(line)
        except ValueError:
            continue
        event = parse_event(document) if isinstance(document, dict) else None
        if event is not None:
            events.append(event)
    return events


def read_events(path: Path) -> list[Event]:
    """The events of a file, the oldest first; none where there is no file."""
    try:
        return parse_events(path.read_text(encoding="utf-8", errors="replace").splitlines())
    except OSError:
        return []


def write_event(path: Path, event: Event) -> None:
    """Append one line, on the disk when this returns. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MAX_BYTES:
        kept = path.read_bytes()[-MAX_BYTES // 2 :].partition(b"\n")[2]
        replace_file(path, kept)
    line = event.as_line() + "\n"
    with path.open("ab+") as file:
        # A line that the power cut off would swallow this one.
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())


def is_news(log: Iterable[Event], event: Event) -> bool:
    """Whether a decision is worth a line: the last one of the same author was another, or for another reason."""
    last = next((one for one in reversed(list(log)) if one.by == event.by and one.what == event.what), None)
    return last is None or (last.act, last.reason.id, last.machine) != (event.act, event.reason.id, event.machine)
