"""What happens inside upstream's process, one JSON object a line: the one source of steps, times and losses.

The log is for people: it holds the person's own texts, bars of other things, and losses of row 1.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

SCHEMA = 1
#: A step that follows another within this time (seconds) is not written, unless it is the last.
STEP_SECONDS = 0.1


class Events:
    """Appends to the file. `at` is seconds of this process's monotonic clock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last_step = 0.0

    def tell(self, event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, "at": round(time.monotonic(), 4), **facts}, ensure_ascii=True)
        # Opened each time: a line is whole on the disk when the process dies after it.
        with self._path.open("a", encoding="ascii", newline="\n") as out:
            out.write(line + "\n")

    def step(self, step: int, *, last: bool) -> None:
        """Tell of a step, but not of every one where they take milliseconds."""
        now = time.monotonic()
        if last or now - self._last_step >= STEP_SECONDS:
            self._last_step = now
            self.tell("step", step=step)
