"""A first installation at 100 Mbit/s, simulated: how close it comes to the best that the link and the installers allow.

`cold_overlap` is its time over the larger of (all downloads at full rate) and (all installations one after the other).
"""

from __future__ import annotations

from typing import Any

from bench.figure import Figure
from bench.installation import manifest, restore_seconds, simulate
from components.bootstrap.settings import BootstrapSettings

BAR = 1.15
MANUAL_MINUTES = 120
#: Upstream's ready weights: 3.89 GB in place of 13.4.
READY_INT4: Any = {"model": "THUDM/chatglm-6b-int4", "precision": "int4"}


def measure() -> list[Figure]:
    made = manifest()
    outcome = simulate(made)
    best = max(outcome.download_seconds, outcome.install_seconds)
    ready = manifest(BootstrapSettings.model_validate(READY_INT4))
    smallest = simulate(manifest(BootstrapSettings.model_validate({**READY_INT4, "gpuToolkit": "minimal"})))
    return [
        Figure("cold_overlap", outcome.seconds / best, "ratio", BAR),
        Figure("cold_minutes", outcome.seconds / 60, "min (sim.)"),
        Figure("restore_minutes", restore_seconds(made) / 60, "min (sim.)"),
        Figure("ready_int4_cold_minutes", simulate(ready).seconds / 60, "min (sim.)"),
        Figure("ready_int4_restore_minutes", restore_seconds(ready) / 60, "min (sim.)"),
        # CUDA's toolkit and cuDNN, which only building CUDA code needs, take more than the weights then.
        Figure("ready_int4_minimal_cold_ratio", smallest.seconds / outcome.seconds, "ratio (sim.)", 0.5),
        Figure("manual_recipe_minutes", MANUAL_MINUTES, "min (told)"),
    ]
