"""A lock between processes that the system takes back when its holder dies, however that happens."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from guest.phrases import phrase

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class HeldError(Exception):
    """Another process holds the lock."""


@contextlib.contextmanager
def exclusive(path: Path, *, wait_seconds: float = 0) -> Iterator[None]:
    """Hold the lock file at `path`; raises HeldError when another process has held it for `wait_seconds`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ends = time.monotonic() + wait_seconds
    with path.open("ab") as file:
        while not _take(file.fileno()):
            if time.monotonic() >= ends:
                raise HeldError(phrase("another program holds {path}", path=path))
            time.sleep(0.05)
        yield


def _take(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, 0, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
