"""Progress from lines as the trainer and tqdm print them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from guest.training.progress import LogReader, gpu_memory

LOADING = "\rLoading checkpoint shards:  38%|███▊      | 3/8 [00:05<00:09,  1.87s/it]"
TOKENIZING = "\rRunning tokenizer on train dataset:  35%|███▍      | 40000/114599 [00:20<00:37, 1970.33 examples/s]"
STEP = "\r  3%|▎         | 100/3000 [14:01<6:46:00,  8.40s/it]"
LOSS = "{'loss': 3.9031, 'learning_rate': 0.019333333333333334, 'epoch': 0.01}"


def read(*texts: str, total: int | None = 3000) -> LogReader:
    reader = LogReader(total)
    for text in texts:
        reader.feed(text)
    return reader


def test_steps_rate_and_time_left_come_from_the_bar() -> None:
    progress = read("***** Running training *****\n", STEP).progress
    assert (progress.phase, progress.step, progress.total) == ("training", 100, 3000)
    assert (progress.seconds_per_step, progress.seconds_left) == (8.4, 24360.0)
    assert progress.as_dict()["percent"] == 3.3


def test_a_bar_is_seen_before_the_line_ends() -> None:
    assert read(STEP).progress.step == 100


def test_the_steps_on_the_way_do_not_count_as_training() -> None:
    assert (read(LOADING).progress.phase, read(LOADING).progress.step) == ("loading the model", 0)
    progress = read(TOKENIZING).progress
    assert (progress.phase, progress.step) == ("preparing: Running tokenizer on train dataset", 0)


def test_losses_are_kept_with_the_step_they_belong_to() -> None:
    reader = LogReader(3000)
    new = reader.feed(STEP + "                      \r" + LOSS + "\n" + STEP.replace("100", "101"))
    assert new == [(100, 3.9031)]
    progress = reader.progress
    assert (progress.loss, progress.learning_rate, progress.epoch) == (3.9031, 0.019333333333333334, 0.01)
    assert progress.step == 101


def test_a_line_that_comes_in_pieces_is_read_once() -> None:
    reader = LogReader()
    pieces = [STEP, "\n{'loss': 3.", "9, 'learning_ra", "te': 1e-05, 'epoch': 0.0}", "\n", "\n"]
    assert [loss for piece in pieces for loss in reader.feed(piece)] == [(100, 3.9)]
    assert reader.progress.learning_rate == 1e-05


@pytest.mark.parametrize(("text", "expected"), [("nan", math.isnan), ("inf", math.isinf)])
def test_nan_and_infinity_are_losses_but_not_json(text: str, expected: object) -> None:
    reader = LogReader()
    ((_, loss),) = reader.feed(f"{{'loss': {text}, 'learning_rate': 0.02, 'epoch': 0.0}}\n")
    assert callable(expected)
    assert expected(loss)
    assert json.loads(json.dumps(reader.progress.as_dict(), allow_nan=False))["loss"] is None


def test_the_summary_at_the_end_is_no_loss() -> None:
    text = "{'train_runtime': 25200.1, 'train_samples_per_second': 1.9, 'train_loss': 3.74, 'epoch': 0.42}\n"
    assert read(LOSS + "\n", text).progress.losses == [(0, 3.9031)]


def test_predicting_has_a_phase_and_a_bar_of_its_own() -> None:
    progress = read("*** Predict ***\n", "\r 10%|█         | 107/1070 [12:40<1:54:00,  7.10s/it]", total=None).progress
    assert (progress.phase, progress.step, progress.total) == ("predicting", 107, 1070)


def test_bars_faster_than_a_step_a_second_and_without_a_rate_yet() -> None:
    assert read("\r 50%|█████     | 15/30 [00:00<00:00, 20.00it/s]").progress.seconds_per_step == 0.05
    assert read("\r  0%|          | 0/30 [00:00<?, ?it/s]").progress.seconds_left is None


def test_the_end_of_the_log_is_kept_without_bars() -> None:
    reader = read(*[f"{STEP}\nline {number}\n" for number in range(100)])
    assert reader.lines[-1] == "line 99"
    assert len(reader.lines) == 40


def test_the_gpu_s_memory_is_asked_of_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory() is None
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '14012, 15360, 98'\n")
    program.chmod(0o755)
    assert gpu_memory() == {"usedBytes": 14012 * 1024**2, "totalBytes": 15360 * 1024**2, "percent": 98}
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert gpu_memory() is None
