"""The simulated month: what is used is never parked, and the sums are those of simple cases."""

from __future__ import annotations

import pytest

from bench.idle_cost import (
    DAYS,
    IMAGE,
    MACHINE,
    PARK_MINUTES,
    RESTORE_MINUTES,
    RULES,
    Session,
    measure,
    minutes_used,
    typical_month,
    with_foresight,
    with_guard,
)
from guest.unattended.decision import Rules

HOUR = 60
ONE = [Session(10 * HOUR, 12 * HOUR)]


def test_the_figures_keep_their_bar() -> None:
    assert all(figure.kept for figure in measure())


def test_the_month_is_the_same_every_time_and_has_its_hours() -> None:
    assert typical_month() == typical_month()
    assert 80 < sum(minutes_used(typical_month())) / HOUR < 120


def test_foresight_pays_for_one_session_its_restore_its_park_and_the_image() -> None:
    away = DAYS * 24 * HOUR - 2 * HOUR - PARK_MINUTES
    expected = (2 * HOUR + RESTORE_MINUTES + PARK_MINUTES) * MACHINE + away * IMAGE
    assert with_foresight(ONE) == pytest.approx(expected / 60, rel=1e-3)


def test_foresight_leaves_the_machine_on_through_a_short_gap() -> None:
    short = [Session(600, 700), Session(705, 800)]
    assert with_foresight(short) == pytest.approx(with_foresight([Session(600, 800)]), rel=1e-6)


def test_the_guard_pays_the_idle_minutes_and_the_warning_more() -> None:
    cost, waits = with_guard(ONE, RULES)
    idle = (RULES.idle_seconds + RULES.warn_seconds) / 60
    assert waits == 1
    assert (cost - with_foresight(ONE)) * 60 / MACHINE == pytest.approx(idle, abs=2)


def test_a_machine_in_use_is_never_parked() -> None:
    whole = [Session(0, DAYS * 24 * HOUR)]
    assert with_guard(whole, Rules(idle_seconds=60, warn_seconds=0))[1] == 1


def test_a_training_keeps_the_machine_through_the_evening() -> None:
    training = [Session(20 * HOUR, 30 * HOUR, training=True)]
    assert with_guard(training, RULES)[1] == 1
