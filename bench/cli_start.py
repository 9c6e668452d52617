"""How long the command line takes to say its help: a new process each time, the least disturbed of several."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from bench.figure import Figure
from rehearsal.engine import ROOT

TIMES = 15


def measure() -> list[Figure]:
    # The least, since whatever else runs on the computer only adds; the bar is for a quiet one. Its processor time
    # tells on a busy one what is the command line's own part.
    walls, processor = zip(*(_start() for _ in range(TIMES)), strict=True)
    return [
        Figure("cli_start_ms", min(walls) * 1000, "ms", 400),
        Figure("cli_start_processor_ms", min(processor) * 1000, "ms"),
    ]


def _start() -> tuple[float, float]:
    """Seconds that pass, and seconds of the processor."""
    before, started = os.times(), time.perf_counter()
    subprocess.run([sys.executable, "-m", "operate", "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, used
