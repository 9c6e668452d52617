"""Where words go: results to standard output (one JSON document with `--json`), all on the way to standard error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from rich.console import Console, RenderableType

from operate.errors import OperateError
from words import phrase

_PIPE_WIDTH = 200


@dataclass(frozen=True)
class Output:
    """One command's way of speaking. `as_json` is for machines: one document, nothing else, on standard output."""

    as_json: bool = False

    @property
    def _out(self) -> Console:
        # Made when it is used: tests and pipes exchange the streams. Long lines of a pipe are not wrapped.
        return _console(soft_wrap=True)

    @property
    def progress(self) -> Console:
        """For what is on the way: announcements, progress bars, questions."""
        return _console(stderr=True, quiet=self.as_json)

    def show(self, document: Mapping[str, Any], *renderables: RenderableType) -> None:
        """Show a result: the document as JSON, or what is made of it for a person."""
        if self.as_json:
            self._out.print_json(json.dumps(document, ensure_ascii=False, default=_plain))
            return
        console = _console()
        if not console.is_terminal:
            # Nobody wraps what goes into a pipe, and cut names are worth nothing there.
            console = _console(width=_PIPE_WIDTH)
        for renderable in renderables:
            console.print(renderable, crop=False)  # a name is worth nothing when its end is missing

    def line(self, document: Mapping[str, Any], text: str | None = None) -> None:
        """One of many results: a JSON document on a line of its own, or the text (nothing without one)."""
        if self.as_json:
            self._out.out(json.dumps(document, ensure_ascii=False, default=_plain), highlight=False)
        elif text is not None:
            self._out.out(text, highlight=False)

    def say(self, text: str, style: str = "") -> None:
        """One line on the way."""
        self.progress.print(text, style=style or None, highlight=False, markup=False, soft_wrap=True)

    def fail(self, error: OperateError) -> None:
        """The one message of a failure."""
        if self.as_json:
            self._out.print_json(json.dumps(error.as_dict(), ensure_ascii=False))
            return
        console = _console(stderr=True, soft_wrap=True)
        console.print(error.message, style="red", highlight=False, markup=False)
        if error.hint:
            console.print(error.hint, highlight=False, markup=False)


def _console(**options: Any) -> Console:
    """A console that shows texts as they are: what a machine, a file or Tencent says may hold brackets and colons."""
    return Console(markup=False, emoji=False, **options)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def human_bytes(count: float) -> str:
    """Bytes in the unit that a person reads: 1.5 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def human_seconds(seconds: float) -> str:
    """Seconds as 45 s, 12 min or 3 h 05 min."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)} s"
    if minutes < 60:
        return phrase("{minutes} min", minutes=minutes)
    return phrase("{minutes} h {minutes_2:02d} min", minutes=minutes // 60, minutes_2=minutes % 60)
