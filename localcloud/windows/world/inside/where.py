r"""Where a process of the machine is: the folder that is drive C:, the machine's memory, and paths between both worlds.

The environment carries it: WORLD_DISK (drive C:), WORLD_RUN (what lasts until the power goes), WORLD_PYTHON,
WORLD_PWSH, WORLD_CURL (programs of this computer), WORLD_INSIDE (this folder).
"""

from __future__ import annotations

import os
import posix

DISK = os.environ.get("WORLD_DISK", "")
RUN = os.environ.get("WORLD_RUN", "")
#: What Windows remembers beside its files (registry, tasks, certificates): on the disk, so that images hold it.
STATE = f"{DISK}/local-guest"
FORBIDDEN = frozenset('<>"|?*') | {chr(n) for n in range(32)}
DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))})


class NameRefusedError(OSError):
    """A name that Windows does not allow."""

    def __init__(self, path: str) -> None:
        super().__init__(22, "Invalid argument", path)
        self.winerror = 123


def is_windows(path: str) -> bool:
    """Whether the path names a drive, or starts at the root of the current one."""
    return path[1:2] == ":" or path.startswith("\\")


def real(path: str) -> str:
    """The place of a Windows path in the folder; paths of this computer (`/...`) stay as they are.

    Names match in any case. Raises NameRefusedError for names that Windows forbids.
    """
    if path.startswith("/") and "\\" not in path:
        return path
    rest = path.removeprefix("\\\\?\\")
    if rest[1:2] == ":":
        if rest[0] not in "cC":
            raise FileNotFoundError(2, "No such file or directory", path)
        place, rest = DISK, rest[2:]
    elif rest.startswith(("\\", "/")):
        place = DISK
    else:
        place = posix.getcwd()
    for part in rest.replace("\\", "/").split("/"):
        if part in {"", "."}:
            continue
        if part == "..":
            place = place.rpartition("/")[0] if place != DISK else place
            continue
        place = f"{place}/{_entry(place, part, path)}"
    return place


def _entry(folder: str, part: str, whole: str) -> str:
    name = part.rstrip(". ")
    if not name or ":" in name or FORBIDDEN & set(name) or name.split(".")[0].lower() in DEVICES:
        raise NameRefusedError(whole)
    try:
        posix.lstat(f"{folder}/{name}")
    except OSError:
        wanted = name.casefold()
        try:
            return next((entry for entry in posix.listdir(folder) if entry.casefold() == wanted), name)
        except OSError:
            return name
    return name


def spell(place: str) -> str:
    """The Windows spelling of a place in the folder; other places keep theirs."""
    if place == DISK:
        return "C:\\"
    return "C:\\" + place[len(DISK) + 1 :].replace("/", "\\") if place.startswith(f"{DISK}/") else place


def base(path: str) -> str:
    """The last part of a path of either world."""
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]
