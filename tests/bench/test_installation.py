"""The simulated installation: the bars that the manifest must keep."""

from __future__ import annotations

import pytest

from bench.disk_budget import BAR_GB, MEGABITS
from bench.installation import DISK_BYTES, manifest, simulate
from components.bootstrap.settings import BootstrapSettings

MADE = manifest()


@pytest.mark.parametrize("megabits", MEGABITS)
def test_at_every_speed_of_the_link_8_gb_stay_free(megabits: float) -> None:
    outcome = simulate(MADE, megabits)
    assert outcome.least_free >= BAR_GB * 1e9
    assert DISK_BYTES - outcome.left >= BAR_GB * 1e9


def test_the_largest_page_file_fits_too() -> None:
    made = manifest(BootstrapSettings(page_file_gb=9))
    assert min(simulate(made, megabits).least_free for megabits in MEGABITS) >= BAR_GB * 1e9


def test_installations_hide_behind_the_downloads() -> None:
    outcome = simulate(MADE, 100)
    assert outcome.seconds / max(outcome.download_seconds, outcome.install_seconds) <= 1.15


def test_nothing_is_installed_before_it_is_there() -> None:
    outcome = simulate(MADE, 100)
    finished = list(outcome.finished)
    assert finished == [step["name"] for step in MADE["steps"] if not step.get("beside")]
    model = next(step for step in MADE["steps"] if step["name"] == "model")
    sizes = {file["id"]: file["bytes"] for file in MADE["files"]}
    assert outcome.finished["demo"] > sum(sizes[name] for name in model["files"]) / 12.5e6


def test_minimal_needs_less_of_everything() -> None:
    minimal = simulate(manifest(BootstrapSettings(gpu_toolkit="minimal")))
    full = simulate(MADE)
    assert minimal.seconds < full.seconds
    assert minimal.left < full.left - 6e9
