"""Stands for the write cache of a disk: what was changed after the mark is lost in an image of a running machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

#: Names the mark: its own time of change is that of the last flush.
VARIABLE = "CHATGLM_REHEARSAL_VOLUME"
#: File systems note times by a coarse clock: nothing may be changed so near to the mark that it bears the same time.
_COARSE_SECONDS = 0.02


def flush() -> None:
    """Everything is on the disk now, as far as a rehearsal's image will hold it. Nothing happens where none is made."""
    mark = os.environ.get(VARIABLE)
    if mark:
        mark_flushed(Path(mark))


def mark_flushed(mark: Path) -> None:
    """Say in a file that everything is on its disk."""
    time.sleep(_COARSE_SECONDS)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    time.sleep(_COARSE_SECONDS)
