"""Windows' rule about open files: what somebody has open cannot be removed, renamed or replaced, nor can its folder.

Windows' programs (the C runtime, .NET, curl) open files without the right to delete them meanwhile, so every open file
of the machine counts; so does every current folder. The kernel of this computer is asked who holds what.
"""

from __future__ import annotations

from localcloud.windows.world.inside import plain, table


def holder(place: str) -> int:
    """The process that keeps a file, or a folder with all below it, from being removed or renamed; 0: nobody."""
    for entry in table.processes():
        if _within(_link(f"/proc/{entry.pid}/cwd"), place):
            return entry.pid
        if any(_within(_link(handle), place) for handle in _handles(entry.pid)):
            return entry.pid
    return 0


def denies_writing(place: str) -> int:
    """The PowerShell process that reads or writes the file through .NET, which lets nobody write meanwhile; 0: none."""
    for entry in table.processes():
        if entry.name == "powershell.exe" and any(_link(handle) == place for handle in _handles(entry.pid)):
            return entry.pid
    return 0


def _within(held: str, place: str) -> bool:
    return held == place or held.startswith(f"{place}/")


def _handles(pid: int) -> list[str]:
    try:
        return [f"/proc/{pid}/fd/{number}" for number in plain.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return []


def _link(path: str) -> str:
    try:
        return plain.readlink(path)
    except OSError:
        return ""
