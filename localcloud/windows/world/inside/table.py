"""The machine's process table: one small file a process, with its Windows name and command line.

Windows shows a process's whole command line, and scripts look for words in it; the line of the process on this computer
is another one. A process that has ended leaves its file behind, and its number may come again.
"""

from __future__ import annotations

import json
import os

from localcloud.windows.world.inside import plain
from localcloud.windows.world.inside.where import RUN

_KILL = 9


class Entry:
    """A living process of the machine."""

    def __init__(self, pid: int, name: str, line: str, parent: int, started: str) -> None:
        self.pid = pid
        self.name = name
        self.line = line
        self.parent = parent
        self.started = started


def register(name: str, line: str, path: str) -> None:
    """Enter this process; `path` is the program's file, by Windows' spelling."""
    pid = os.getpid()
    entry = {"name": name, "line": line, "path": path, "started": start_of(pid)}
    plain.write_text(f"{RUN}/processes/{pid}", json.dumps(entry))


def start_of(pid: int) -> str | None:
    """When a process of this computer started, in the system's ticks; None when it does not run."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else fields[19]


def parent_of(pid: int) -> int:
    """The parent's number, 0 when the process does not run."""
    fields = _stat(pid)
    return 0 if fields is None else int(fields[1])


def _stat(pid: int) -> list[str] | None:
    try:
        with plain.open_plain(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def processes() -> list[Entry]:
    """All living processes of the machine."""
    found = []
    for name in plain.listdir(f"{RUN}/processes"):
        if not name.isdigit():
            continue
        # Most have ended long ago: those are told by the kernel alone, without opening their files.
        path, pid = f"{RUN}/processes/{name}", int(name)
        started = start_of(pid)
        if started is None:
            continue
        try:
            entry = json.loads(plain.read_text(path))
        except (OSError, ValueError):
            continue
        if started == entry["started"]:
            found.append(Entry(pid, entry["name"], entry["line"], parent_of(pid), entry["started"]))
    return found


def tree(pid: int) -> list[int]:
    """A process and all that it started, as far as the chain of living parents reaches."""
    parents = {entry.pid: entry.parent for entry in processes()}
    family, added = [pid], [pid]
    while added:
        added = [child for child, parent in parents.items() if parent in added and child not in family]
        family += added
    return family


def kill(pid: int) -> bool:
    """End one process at once; False when it is none of this machine's."""
    if not any(entry.pid == pid for entry in processes()):
        return False
    try:
        plain.kill(pid, _KILL)
    except ProcessLookupError:
        return False
    return True
