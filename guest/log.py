"""The ends of the logs: of a step, of the installation as a whole, of the demo, of the watcher."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.phrases import phrase

DEFAULT_LINES = 50
MOST_LINES = 2000


def read_log(root: Path, name: str, lines: int) -> dict[str, Any]:
    """The last lines of a log's standard output and error. Raises GuestError for a name without a log."""
    folder = root / "logs"
    known = sorted({path.name.split(".")[0] for path in folder.glob("*.log")})
    files = [path for path in (folder / f"{name}.log", folder / f"{name}.err.log") if path.is_file()]
    if not re.fullmatch(r"[a-z][a-z-]*", name) or not files:
        raise GuestError(
            phrase("There is no log named {name!r}.", name=name),
            phrase("Logs on this machine: {known}.", known=", ".join(known) or phrase("none yet")),
        )
    count = min(max(lines, 1), MOST_LINES)
    ends: list[str] = []
    for path in files:
        with path.open("rb") as stream:
            ends += [decode_line(line) for line in deque(stream, maxlen=count)]
    return {"step": name, "lines": ends}


def decode_line(line: bytes) -> str:
    """A line as what it was written in: Python's in UTF-8; Windows' own and installers' in code page 936 or UTF-16."""
    # The zeros are every other byte of plain text in UTF-16.
    line = line.replace(b"\0", b"").rstrip(b"\r\n")
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("gb18030", "replace")
