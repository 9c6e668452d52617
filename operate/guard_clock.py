"""The time that a guard goes by, and whether it jumped since the last look, of this run or of an earlier one."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from guest.files import read_json, write_json


class Clocks:
    """`wall` tells seconds since 1970, `steady` seconds of a clock that cannot jump but begins anew with the computer.

    Both of the last look are kept in `state`, so that a look by cron knows those of the one before.
    """

    def __init__(
        self,
        state: Path,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state, self._wall, self._steady = state, wall, steady

    def now(self) -> float:
        return self._wall()

    def look(self) -> tuple[float, float]:
        """The time, and by how many seconds it moved against the steady clock since the last look."""
        wall, steady = self._wall(), self._steady()
        kept = read_json(self._state) or {}
        try:
            write_json(self._state, {"wall": wall, "steady": steady})
        except OSError:
            return wall, 0.0  # a home that cannot be written, in a container say
        before, steady_before = kept.get("wall"), kept.get("steady")
        if not isinstance(before, int | float) or not isinstance(steady_before, int | float) or steady < steady_before:
            return wall, 0.0  # the first look, or the computer was started since
        return wall, (wall - before) - (steady - steady_before)
