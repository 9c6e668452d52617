"""Time and cost of a training before it starts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from components.settings import Settings, load_settings
from guest.training.options import TrainOptions
from operate.estimate import Estimate, estimate, options_of, seconds

RECIPE = TrainOptions(quantization_bit=4, max_source_length=64, max_target_length=64)
HOUR = 3600
GOOD_PASSWORD = "Tianqi-Hao-2026"


@pytest.fixture
def settings() -> Settings:
    return load_settings({"chatglm:adminPassword": GOOD_PASSWORD}, {"chatglm:adminPassword"})


def expect(settings: Settings, options: TrainOptions, done: int = 0, hourly: str | None = "1.20") -> Estimate:
    return estimate(options, done, settings, None if hourly is None else Decimal(hourly), "no price")


def test_upstream_s_recipe_takes_what_was_reported_less_what_is_left_out(settings: Settings) -> None:
    # Seven hours on a T4 with everything that upstream computes; 110 of 189 ms without it.
    hours = expect(settings, RECIPE).seconds / HOUR
    assert 7 * 110 / 189 < hours < 7 * 110 / 189 + 0.5


def test_checkpointing_and_longer_texts_take_longer() -> None:
    plain = seconds(RECIPE, 3000, checkpointing=False)
    assert seconds(RECIPE, 3000, checkpointing=True) > 1.3 * plain
    twice = replace(RECIPE, max_source_length=128, max_target_length=128)
    assert 1.5 * plain < seconds(twice, 3000, checkpointing=False) < 2 * plain


def test_held_out_rows_are_in_the_estimate() -> None:
    assert seconds(replace(RECIPE, hold_out=0.1), 3000, checkpointing=False) > seconds(
        RECIPE, 3000, checkpointing=False
    )


def test_only_the_steps_that_are_left_cost(settings: Settings) -> None:
    resumed = expect(settings, RECIPE, done=2900)
    assert resumed.steps == 100
    assert resumed.seconds < HOUR


def test_the_cost_is_hours_times_price(settings: Settings) -> None:
    told = expect(settings, RECIPE)
    assert told.cost == (Decimal("1.20") * Decimal(told.seconds) / HOUR).quantize(Decimal("0.01"))
    assert f"about {told.cost} CNY (1.20 CNY an hour)" in told.words()
    assert "Without gradient checkpointing" in told.words()
    assert told.as_dict()["costCny"] == told.cost


def test_a_price_that_nobody_knows_is_said(settings: Settings) -> None:
    told = expect(settings, RECIPE, hourly=None)
    assert told.cost is None
    assert "cost unknown: no price" in told.words()


def test_a_faster_card_is_told_as_such(settings: Settings) -> None:
    faster = settings.model_copy(update={"instance_type": "GN10X.2XLARGE40"})
    assert "on a T4; this V100 is faster" in expect(faster, RECIPE).words()


def test_a_resumed_run_has_its_recorded_options_with_the_changes() -> None:
    assert options_of({"max_steps": 10, "seed": 1}, {"max_steps": 20}) == TrainOptions(max_steps=20, seed=1)
