"""Room on the 75 GB disk while the machine installs itself and afterwards, simulated from the manifest."""

from __future__ import annotations

from bench.figure import Figure
from bench.installation import DISK_BYTES, manifest, simulate

BAR_GB = 8.0
#: From the slowest link that Tencent sells to one that no download saturates, in Mbit/s.
MEGABITS = (5.0, 10.0, 50.0, 100.0, 300.0, 1000.0)


def measure() -> list[Figure]:
    """The least over all speeds of the link."""
    made = manifest()
    outcomes = [simulate(made, megabits) for megabits in MEGABITS]
    least = min(outcome.least_free for outcome in outcomes) / 1e9
    end = min(DISK_BYTES - outcome.left for outcome in outcomes) / 1e9
    return [
        Figure("disk_least_free_gb", least, "GB (sim.)", BAR_GB, "at least"),
        Figure("disk_free_at_end_gb", end, "GB (sim.)", BAR_GB, "at least"),
    ]
