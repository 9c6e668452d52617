"""What the guard outside asks of the machine: to show its warning, and to hand out the event log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.machine import this_machine
from guest.phrases import phrase
from guest.unattended.events import FILE, read_events

#: A warning that the guard outside has not repeated for so long (seconds) is over: that guard is gone.
STANDS_SECONDS = 900.0
_LINES = 100


def warning_file(root: Path) -> Path:
    return root / "state" / "outer-warning.json"


def outer_warning(root: Path) -> str:
    """The warning of the guard outside, empty where there is none or it is over.

    Its age goes by the clock that counts from the start of Windows: one from before it is over.
    """
    told = read_json(warning_file(root)) or {}
    beat, text = told.get("beat"), told.get("text")
    if not isinstance(text, str) or not isinstance(beat, int | float):
        return ""
    return text if 0 <= time.perf_counter() - beat < STANDS_SECONDS else ""


def warn(options: Mapping[str, Any]) -> dict[str, Any]:
    """Show a warning (`text`; empty takes it away) on the page and in `status`, until it is not repeated any more."""
    text = options.get("text")
    if not isinstance(text, str) or len(text) > 500:
        raise GuestError(phrase("A warning is a text of at most 500 characters."), phrase('Give {"text": TEXT}.'))
    root = this_machine().root
    if text:
        write_json(warning_file(root), {"schema": 1, "text": text, "beat": time.perf_counter()})
    else:
        warning_file(root).unlink(missing_ok=True)
    return {"shown": text or None}


def events(_: Mapping[str, Any]) -> dict[str, Any]:
    """The last lines of the machine's event log, as objects."""
    return {"events": [event.as_dict() for event in read_events(this_machine().root / "state" / FILE)[-_LINES:]]}


VERBS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"warn": warn, "events": events}
