"""What the card's memory decides: gradient checkpointing, and how many rows are predicted at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guest.gpu import GIB
from guest.training.memory import BATCH_SIZES, batch_size, choose_thrift, prediction_gib, training_gib
from guest.training.options import TrainOptions

T4 = int(14.75 * GIB)
FP16, INT4 = TrainOptions(), TrainOptions(quantization_bit=4)


@pytest.mark.parametrize(
    ("options", "checkpointing", "measured"),
    [
        # GiB, peak reserved, on an H100 with the real shape.
        (FP16, True, 12.8),
        (FP16, False, 15.0),
        (replace(FP16, max_source_length=256, max_target_length=256), True, 13.3),
        (replace(FP16, max_source_length=512, max_target_length=512), True, 14.3),
        (INT4, True, 4.8),
        (INT4, False, 7.4),
        (replace(FP16, quantization_bit=8), True, 8.3),
    ],
)
def test_training_s_need_is_as_measured(options: TrainOptions, checkpointing: bool, measured: float) -> None:
    # The whole card's memory is at stake: 0.3 GiB are kept free besides.
    needed = training_gib(options, checkpointing=checkpointing)
    assert needed == pytest.approx(measured, abs=0.75 if options.quantization_bit == 8 else 0.3)


@pytest.mark.parametrize(("rows", "measured"), [(1, 12.0), (8, 13.3), (16, 15.4)])
def test_predicting_s_need_is_no_less_than_measured(rows: int, measured: float) -> None:
    options = replace(FP16, max_source_length=32, max_target_length=64)
    assert measured - 0.3 <= prediction_gib(options, rows) <= measured + 1.5


def test_on_a_t4_int4_trains_without_checkpointing_and_fp16_with_it() -> None:
    assert not choose_thrift(INT4, T4).checkpointing
    assert choose_thrift(FP16, T4).checkpointing
    assert not choose_thrift(FP16, 79 * GIB).checkpointing


def test_weights_gradients_are_left_out_wherever_weights_are_quantised() -> None:
    assert not choose_thrift(INT4, None).weight_gradients
    assert choose_thrift(FP16, T4).weight_gradients


def test_what_is_not_known_or_has_failed_before_is_not_dared() -> None:
    assert choose_thrift(INT4, None).checkpointing
    assert choose_thrift(INT4, T4, ran_out=True).checkpointing


def test_the_choice_is_said_with_its_numbers() -> None:
    assert choose_thrift(INT4, T4).words.startswith("without gradient checkpointing: 7.2 of 14.8 free GiB are needed")
    assert "15.1 GiB are needed and 14.8 are free" in choose_thrift(FP16, T4).words


def test_rows_at_once_divide_1000_fit_and_are_no_more_than_there_are() -> None:
    assert all(1000 % size == 0 for size in BATCH_SIZES)
    assert batch_size(FP16, T4, 1000) == 5
    assert batch_size(INT4, T4, 1000) == 20
    assert batch_size(INT4, T4, 3) == 2
    assert batch_size(INT4, None, 1000) == 1
    assert batch_size(FP16, 11 * GIB, 1000) == 1
