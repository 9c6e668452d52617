"""Who is logged in over remote desktop."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

from guest.files import read_json

#: Where no Windows is, this file tells: {"sessions": NUMBER}.
VARIABLE = "CHATGLM_REHEARSAL_SESSIONS"
#: WTS_CONNECTSTATE_CLASS, WTSActive: connected. A session that was left by closing its window is WTSDisconnected (4).
_ACTIVE = 0
#: WTS_INFO_CLASS: WTSUserName, and WTSClientProtocolType with 2 for the Remote Desktop Protocol.
_USER_NAME, _PROTOCOL, _RDP = 5, 16, 2


class _Session(ctypes.Structure):
    """WTS_SESSION_INFOW."""

    _fields_ = (("id", ctypes.c_ulong), ("station", ctypes.c_wchar_p), ("state", ctypes.c_int))


def sessions() -> int:
    """How many people are connected; a session that somebody left open behind him counts for nobody.

    Raises OSError where Windows does not tell.
    """
    if sys.platform == "win32":
        return _windows_sessions()
    told = read_json(Path(os.environ.get(VARIABLE) or "/nonexistent")) or {}
    return int(told.get("sessions", 0))


def _windows_sessions() -> int:
    wts: Any = ctypes.WinDLL("wtsapi32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    rows, count = ctypes.POINTER(_Session)(), ctypes.c_ulong()
    if not wts.WTSEnumerateSessionsW(None, 0, 1, ctypes.byref(rows), ctypes.byref(count)):
        raise OSError(f"WTSEnumerateSessions failed: {ctypes.get_last_error()}")  # type: ignore[attr-defined,unused-ignore]
    try:
        active = [rows[place].id for place in range(count.value) if rows[place].state == _ACTIVE]
        return sum(_is_person(wts, session) for session in active)
    finally:
        wts.WTSFreeMemory(rows)


def _is_person(wts: Any, session: int) -> bool:
    """Whether somebody has logged in, over the network: the console of a virtual machine is nobody's."""
    name = _ask(wts, session, _USER_NAME, ctypes.c_wchar_p)
    protocol = _ask(wts, session, _PROTOCOL, ctypes.POINTER(ctypes.c_ushort))
    return bool(name and name.value) and bool(protocol) and protocol[0] == _RDP


def _ask(wts: Any, session: int, what: int, kind: Any) -> Any:
    answer, size = kind(), ctypes.c_ulong()
    told = wts.WTSQuerySessionInformationW(None, session, what, ctypes.byref(answer), ctypes.byref(size))
    return answer if told else None
