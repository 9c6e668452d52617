"""Everything that was written is brought to the disk: an image of a running machine holds nothing else."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

from guest.rehearsal import volume

_GENERIC_WRITE, _SHARE_ALL, _OPEN_EXISTING = 0x40000000, 0x7, 3


def flush(root: Path) -> None:
    r"""Flush the volume on which `root` lies. Raises OSError where Windows refuses.

    FlushFileBuffers of the volume itself (\\.\C:) writes all open files and the file system's own books, as the command
    Write-VolumeCache does; it needs administrator's rights (Microsoft, "FlushFileBuffers function").
    """
    if sys.platform != "win32":
        os.sync()
        volume.flush()
        return
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateFileW.restype = ctypes.c_void_p
    opened = kernel.CreateFileW(f"\\\\.\\{root.drive}", _GENERIC_WRITE, _SHARE_ALL, None, _OPEN_EXISTING, 0, None)
    if opened in (None, ctypes.c_void_p(-1).value):
        raise OSError(f"The volume {root.drive} cannot be opened: {ctypes.get_last_error()}")
    handle = ctypes.c_void_p(opened)
    try:
        if not kernel.FlushFileBuffers(handle):
            raise OSError(f"The volume {root.drive} cannot be flushed: {ctypes.get_last_error()}")
    finally:
        kernel.CloseHandle(handle)
