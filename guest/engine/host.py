"""How much of the host's memory is free: what the system's cache of files may take."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

MEMINFO = Path("/proc/meminfo")


class _MemoryStatus(ctypes.Structure):
    """Windows' MEMORYSTATUSEX."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("total", "available", "page_total", "page_available")),
        *((name, ctypes.c_uint64) for name in ("virtual_total", "virtual_available", "extended_available")),
    )


def free_host_bytes() -> int:
    """Memory that programs could get now, bytes; what only caches files counts as free. 0 where nobody can tell."""
    if sys.platform == "win32":
        return _windows(ctypes.windll.kernel32)
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return 0


def _windows(kernel: Any) -> int:
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    return int(status.available) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else 0
