"""How the installation stands, from its own document `state/status.json` (PowerShell writes it)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guest.files import read_json
from guest.process import start_mark

STATUS = "status.json"
#: An installation that has not written for so long (seconds) hangs; it writes every few seconds, but for long copies.
STALE_SECONDS = 600.0
#: Phases in which the installation has nothing to do any more.
_ENDED = ("ready", "failed")


def heartbeat(status: Mapping[str, Any] | None) -> dict[str, Any]:
    """How long ago the installation last wrote, in seconds, and whether it is dead or hangs.

    Where there is Python an installation has begun: one without a status has lost it. A status without a beat is of an
    older version, of which nothing is known. `beat` is by the clock that counts from the start of Windows and never
    jumps (QueryPerformanceCounter, which is what both .NET's Stopwatch and Python's perf_counter read); one ahead of
    now is from before this start.
    """
    if status is None:
        return {"seconds": None, "stale": True}
    beat, pid = status.get("beat"), status.get("pid")
    age = time.perf_counter() - beat if isinstance(beat, int | float) else None
    if age is not None and age < 0:
        age = None
    is_dead = not isinstance(pid, int) or start_mark(pid) is None
    is_late = age is None or age > STALE_SECONDS
    return {"seconds": age, "stale": beat is not None and status.get("phase") not in _ENDED and (is_dead or is_late)}


def is_installing(root: Path) -> bool:
    """Whether the installation is at work, and neither dead nor hanging."""
    status = read_json(root / "state" / STATUS)
    return status is not None and status.get("phase") not in _ENDED and not heartbeat(status)["stale"]
