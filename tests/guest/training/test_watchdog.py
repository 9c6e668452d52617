"""When a training is stopped, and what is said about a failure."""

from __future__ import annotations

import math

import pytest

from guest.training.watchdog import NAN_LOSS, OUT_OF_MEMORY, WORSE_THAN_GUESSING, ZERO_LOSS, Watchdog, explain


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_run(loss: float) -> None:
    assert Watchdog().see(loss) is NAN_LOSS


def test_a_loss_of_exactly_zero_stops_the_run_and_a_small_one_does_not() -> None:
    assert Watchdog().see(0.0) is ZERO_LOSS
    assert Watchdog().see(0.0001) is None


def test_losses_as_published_pass() -> None:
    watchdog = Watchdog()
    assert [watchdog.see(loss) for loss in (5.2, 4.09, 3.9, 3.74)] == [None] * 4


def test_only_the_very_first_loss_is_held_against_blind_guessing() -> None:
    assert Watchdog().see(12.5) is WORSE_THAN_GUESSING
    watchdog = Watchdog()
    watchdog.see(5.0)
    assert watchdog.see(12.5) is None
    assert Watchdog(first=False).see(12.5) is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB", OUT_OF_MEMORY.reason),
        ("OSError: [WinError 1455] The paging file is too small", "own memory"),
        ("copying a param with shape torch.Size([128, 229376]) from checkpoint", "another length"),
        ("AssertionError: Torch not compiled with CUDA enabled", "build without CUDA"),
        ("ModuleNotFoundError: No module named 'transformers_modules.C:/chatglm-6b'", "cannot import"),
        ("ValueError: 130004 is not in list", "different versions"),
        ("ValueError: Some keys are not used by the HfArgumentParser: ['x']", "does not know one of the options"),
    ],
)
def test_known_failures_are_named_with_what_to_try(line: str, reason: str) -> None:
    verdict = explain(["Traceback (most recent call last):", line], 1)
    assert reason in verdict.reason
    assert verdict.hint


def test_an_unknown_failure_shows_its_last_line() -> None:
    assert explain(["a", "KeyError: 'content'", "  "], 1).reason.endswith("exit code 1: KeyError: 'content'")
    assert "printed nothing" in explain([], -9).reason
