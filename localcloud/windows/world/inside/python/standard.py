"""Modules that only Windows' Python has, as far as the machine's programs use them: msvcrt, and by ctypes kernel32 and
wtsapi32.
"""

from __future__ import annotations

import ctypes
import fcntl
import sys
import time
from types import ModuleType
from typing import Any

from localcloud.windows.world.inside import memory, plain, table
from localcloud.windows.world.inside.where import STATE

_STILL_ACTIVE = 259
_UNLOCK, _LOCK, _NONBLOCKING = 0, 1, 2
_NO_HANDLE = 2**64 - 1
_USER_NAME = 5
#: As localcloud/drives.py has it.
_FLUSHED = f"{STATE}/flushed"
_COARSE_SECONDS = 0.02


def install() -> None:
    """Make both importable."""
    msvcrt: Any = ModuleType("msvcrt")
    msvcrt.LK_UNLCK, msvcrt.LK_LOCK, msvcrt.LK_NBLCK, msvcrt.LK_RLCK, msvcrt.LK_NBRLCK = 0, 1, 2, 3, 4
    msvcrt.locking = _locking
    msvcrt.get_osfhandle = lambda number: number
    sys.modules["msvcrt"] = msvcrt
    ctypes.WinDLL = _windows_library  # type: ignore[attr-defined]
    ctypes.get_last_error = lambda: 0  # type: ignore[attr-defined]


def _locking(number: int, mode: int, length: int) -> None:
    """Windows' lock on bytes of a file; held until unlocked or closed. Raises OSError when another one has it."""
    if mode == _UNLOCK:
        fcntl.lockf(number, fcntl.LOCK_UN, length, 0, 1)
        return
    how = fcntl.LOCK_EX | (fcntl.LOCK_NB if mode in {2, 4} else 0)
    try:
        fcntl.lockf(number, how, length, 0, 1)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied") from None


class _Function:
    """A function of a library; its types may be set and mean nothing here."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.restype: Any = None
        self.argtypes: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*(getattr(one, "value", one) for one in arguments))


class _Kernel32:
    """What the machine's Python asks of kernel32; anything else is an AttributeError, as for an unknown export."""

    def __init__(self) -> None:
        self.OpenProcess = _Function(lambda access, inherit, pid: pid if table.start_of(pid) else None)  # noqa: ARG005
        self.GetExitCodeProcess = _Function(_exit_code)
        self.GetProcessTimes = _Function(_times)
        self.CloseHandle = _Function(lambda handle: 1)  # noqa: ARG005
        self.SetThreadExecutionState = _Function(lambda state: state)
        self.GetCurrentProcess = _Function(lambda: -1)
        self.SetPriorityClass = _Function(lambda handle, what: 1)  # noqa: ARG005
        self.CreateFileW = _Function(lambda name, *_: 4 if name == "\\\\.\\C:" else _NO_HANDLE)
        self.FlushFileBuffers = _Function(_flush_volume)


class _Wtsapi32:
    """The sessions of the machine: those that `sessions.json` of its state has, by number: user, state, protocol."""

    def __init__(self) -> None:
        self.WTSEnumerateSessionsW = _Function(_sessions)
        self.WTSQuerySessionInformationW = _Function(_session)
        self.WTSFreeMemory = _Function(lambda memory: None)  # noqa: ARG005


def _windows_library(name: str, **_: Any) -> Any:
    library = {"kernel32": _Kernel32, "wtsapi32": _Wtsapi32}.get(name.lower().removesuffix(".dll"))
    if library is None:
        raise FileNotFoundError(2, f"Could not find module '{name}' (or one of its dependencies).")
    return library()


def _flush_volume(handle: int) -> int:  # noqa: ARG001 - the machine has one volume
    """All that was written is on the disk: an image of the running machine holds it (localcloud/drives.py)."""
    if memory.fault("volume-refuses"):
        return 0
    time.sleep(_COARSE_SECONDS)
    plain.write_text(_FLUSHED, "")
    time.sleep(_COARSE_SECONDS)
    memory.note("volume", "flushed")
    return 1


def _sessions(server: Any, reserved: int, version: int, rows: Any, count: Any) -> int:  # noqa: ARG001
    found = memory.load("sessions")
    kind = rows._obj._type_
    made = (kind * max(1, len(found)))(*(kind(int(one), "", row["state"]) for one, row in found.items()))
    rows._obj.contents = made[0]
    count._obj.value = len(found)
    return 1


def _session(server: Any, number: int, what: int, answer: Any, size: Any) -> int:  # noqa: ARG001
    row = memory.load("sessions").get(str(number))
    if row is None:
        return 0
    if what == _USER_NAME:
        answer._obj.value = row["user"]
    else:
        answer._obj.contents = ctypes.c_ushort(row["protocol"])
    return 1


def _exit_code(handle: int, code: Any) -> int:
    code._obj.value = _STILL_ACTIVE if table.start_of(handle) else 0
    return 1


def _times(handle: int, created: Any, *rest: Any) -> int:
    started = table.start_of(handle)
    if started is None:
        return 0
    created._obj.value = int(started)
    for one in rest:
        one._obj.value = 0
    return 1
