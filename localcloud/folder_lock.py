"""One process a data folder: the lock that says who has it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

from localcloud.errors import LocalCloudError


def is_open(folder: Path) -> bool:
    """Whether a process has the folder open; it is not from the moment that process has ended."""
    try:
        lock_folder(folder).close()
    except LocalCloudError:
        return True
    return False


def lock_folder(folder: Path) -> Any:
    """Hold the folder for this process; the system releases it when the process ends, however it ends."""
    handle = (folder / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise LocalCloudError(
            f"Another local cloud is running on {folder}. Stop it (python -m localcloud stop --data {folder}), "
            "or use another folder: --data FOLDER."
        ) from None
    (folder / "lock").chmod(0o600)
    return handle
