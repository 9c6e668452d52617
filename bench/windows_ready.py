"""`windows_ready_seconds`: from user data to `ready` in the Windows world, in real time, with downloads of kilobytes.

It says how quick the world is, and nothing about a machine: there 21 GB come first. Five runs would take minutes, so it
is one.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure, NotMeasured
from localcloud.windows.world import engine
from tests.windows.trial import Trial

_PATIENCE_SECONDS = 600.0


def measure() -> Iterator[Figure | NotMeasured]:
    if (pwsh := engine.find_pwsh()) is None:
        yield NotMeasured("windows_ready_seconds", "there is no pwsh on the PATH or in $PWSH")
        return
    engine.library(pwsh)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder) / "disk")
        try:
            began = time.monotonic()
            trial.boot()
            trial.until_ready(_PATIENCE_SECONDS)
            yield Figure("windows_ready_seconds", time.monotonic() - began, "s")
        finally:
            trial.close()
