"""A first installation at 100 Mbit/s, simulated: how close it comes to the best that the link and the installers allow.

`cold_overlap` is its time over the larger of (all downloads at full rate) and (all installations one after the other).
"""

from __future__ import annotations

from bench.figure import Figure
from bench.installation import manifest, restore_seconds, simulate

BAR = 1.15
MANUAL_MINUTES = 120


def measure() -> list[Figure]:
    made = manifest()
    outcome = simulate(made)
    best = max(outcome.download_seconds, outcome.install_seconds)
    return [
        Figure("cold_overlap", outcome.seconds / best, "ratio", BAR),
        Figure("cold_minutes", outcome.seconds / 60, "min (sim.)"),
        Figure("restore_minutes", restore_seconds(made) / 60, "min (sim.)"),
        Figure("manual_recipe_minutes", MANUAL_MINUTES, "min (told)"),
    ]
