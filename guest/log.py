"""The ends of the logs: of a step, of the installation as a whole, of the demo, of the watcher."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Any

from guest.errors import GuestError

DEFAULT_LINES = 50
MOST_LINES = 2000


def read_log(root: Path, name: str, lines: int) -> dict[str, Any]:
    """The last lines of a log's standard output and error. Raises GuestError for a name without a log."""
    folder = root / "logs"
    known = sorted({path.name.split(".")[0] for path in folder.glob("*.log")})
    files = [path for path in (folder / f"{name}.log", folder / f"{name}.err.log") if path.is_file()]
    if not re.fullmatch(r"[a-z][a-z-]*", name) or not files:
        raise GuestError(f"There is no log named {name!r}.", f"Logs on this machine: {', '.join(known) or 'none yet'}.")
    count = min(max(lines, 1), MOST_LINES)
    ends: list[str] = []
    for path in files:
        # Installers write in their own code pages: what is not UTF-8 is shown as far as it goes.
        with path.open(encoding="utf-8", errors="replace") as stream:
            ends += [line.rstrip("\r\n") for line in deque(stream, maxlen=count)]
    return {"step": name, "lines": ends}
