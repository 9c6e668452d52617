"""When a training is stopped."""

from __future__ import annotations

import math

import pytest

from guest.training.watchdog import NAN_LOSS, WORSE_THAN_GUESSING, ZERO_LOSS, Watchdog


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_run(loss: float) -> None:
    assert Watchdog().see(loss) is NAN_LOSS


def test_a_loss_of_0_from_the_start_or_out_of_nothing_stops_the_run() -> None:
    assert Watchdog().see(0.0) is ZERO_LOSS
    watchdog = Watchdog()
    assert watchdog.see(3.9) is None
    assert watchdog.see(0.0) is ZERO_LOSS


def test_a_small_set_that_is_learnt_by_heart_reaches_0_by_and_by_and_goes_on() -> None:
    watchdog = Watchdog()
    assert [watchdog.see(loss) for loss in (3.1, 0.4, 0.03, 0.0001, 0.0, 0.0)] == [None] * 6
    assert Watchdog(before=0.0).see(0.0) is None


def test_losses_as_published_pass() -> None:
    watchdog = Watchdog()
    assert [watchdog.see(loss) for loss in (5.2, 4.09, 3.9, 3.74)] == [None] * 4


def test_only_the_very_first_loss_is_held_against_blind_guessing() -> None:
    assert Watchdog().see(12.5) is WORSE_THAN_GUESSING
    watchdog = Watchdog()
    watchdog.see(5.0)
    assert watchdog.see(12.5) is None
    assert Watchdog(before=math.inf).see(12.5) is None
