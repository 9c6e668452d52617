"""Progress from the events of the trainer's callback, and from the log what no event tells."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from guest.gpu import gpu_memory
from guest.training.progress import EventReader, LogReader

LOADING = "\rLoading checkpoint shards:  38%|███▊      | 3/8 [00:05<00:09,  1.87s/it]\n"
TOKENIZING = "\rRunning tokenizer on train dataset:  35%|███▍      | 40000/114599 [00:20<00:37, 1970.33 examples/s]\n"
# `datasets` draws one before the training's bar and before evaluation's.
UNTITLED = "\r100%|██████████| 1/1 [00:00<00:00, 1122.07it/s]\n"
STEP = "\r  3%|▎         | 100/3000 [14:01<6:46:00,  8.40s/it]\n"


def event(name: str, **facts: Any) -> str:
    return json.dumps({"event": name, **facts}) + "\n"


def steps(first: int, last: int, seconds: float, since: float = 1000.0) -> str:
    return "".join(event("step", step=n, at=since + (n - first) * seconds) for n in range(first, last + 1))


def read(*texts: str, total: int | None = 3000, step: int = 0) -> EventReader:
    reader = EventReader(total, step)
    for text in texts:
        reader.feed(text)
    return reader


def test_steps_rate_and_time_left_come_from_the_callback() -> None:
    progress = read(event("begin", step=0, total=3000), steps(1, 100, 8.4)).progress
    assert (progress.phase, progress.step, progress.total) == ("training", 100, 3000)
    assert (progress.seconds_per_step, progress.seconds_left) == (8.4, 24360.0)
    assert progress.as_dict()["percent"] == 3.3


def test_a_resumed_run_counts_the_steps_of_this_attempt_only() -> None:
    # tqdm says 4 s here: it takes the 2,000 steps of before for work done in the first 8.4 s.
    progress = read(event("begin", step=2000, total=3000), steps(2001, 2010, 8.4), step=2000).progress
    assert progress.seconds_per_step == 8.4
    assert progress.seconds_left == pytest.approx(990 * 8.4, rel=0.01)


def test_before_the_second_step_nobody_knows_how_long_it_takes() -> None:
    progress = read(event("begin", step=2000, total=3000), steps(2001, 2001, 8.4)).progress
    assert (progress.step, progress.seconds_left) == (2001, None)


def test_the_time_of_saving_is_in_the_rate() -> None:
    slow = event("step", step=51, at=1000.0 + 49 * 8.0 + 38.0)
    progress = read(event("begin", step=0, total=3000), steps(1, 50, 8.0), slow).progress
    assert progress.seconds_per_step == pytest.approx((50 * 8.0 + 30) / 50, abs=0.001)


def test_losses_are_kept_with_the_step_they_belong_to() -> None:
    reader = EventReader(3000)
    told = event("loss", step=100, loss=3.9031, learning_rate=0.0193, epoch=0.01)
    assert reader.feed(steps(99, 100, 8.4) + told) == [(100, 3.9031)]
    progress = reader.progress
    assert (progress.loss, progress.learning_rate, progress.epoch) == (3.9031, 0.0193, 0.01)


def test_an_event_that_comes_in_pieces_is_read_once() -> None:
    reader = EventReader()
    text = event("loss", step=100, loss=3.9)
    assert reader.feed(text[:9]) + reader.feed(text[9:]) + reader.feed("") == [(100, 3.9)]


@pytest.mark.parametrize(("loss", "holds"), [(math.nan, math.isnan), (math.inf, math.isinf)])
def test_nan_and_infinity_are_losses_but_not_json(loss: float, holds: Any) -> None:
    reader = EventReader()
    ((_, told),) = reader.feed(event("loss", step=1, loss=loss))
    assert holds(told)
    assert json.loads(json.dumps(reader.progress.as_dict(), allow_nan=False))["loss"] is None


def test_predicting_counts_batches() -> None:
    text = "".join(event("predict", step=n, total=134, at=7.0 * n) for n in range(1, 14))
    progress = read(text, total=None).progress
    assert (progress.phase, progress.step, progress.total, progress.seconds_left) == ("predicting", 13, 134, 847.0)


def test_the_losses_on_held_out_rows_stand_beside() -> None:
    text = event("hold_out", step=50, loss=3.2, best=50, stop=False)
    text += event("hold_out", step=100, loss=3.4, best=50, stop=True)
    told = read(text).progress.as_dict()
    assert told["holdOutLosses"] == [[50, 3.2], [100, 3.4]]
    assert (told["bestStep"], told["stoppedEarly"]) == (50, True)


def test_events_that_a_later_version_adds_are_passed_over() -> None:
    assert read(event("weather", sun=True), event("save", step=1)).progress.step == 0


def test_the_exception_of_upstream_is_told_with_the_end_of_its_traceback() -> None:
    reader = read(event("failure", kind="RuntimeError", lines=["Traceback", "RuntimeError: x"]))
    assert reader.failure is not None
    assert (reader.failure.kind, reader.failure.lines[-1]) == ("RuntimeError", "RuntimeError: x")


def test_the_log_says_what_goes_on_before_the_first_step() -> None:
    log = LogReader()
    log.feed(LOADING)
    assert log.phase == "loading the model"
    log.feed(TOKENIZING)
    assert log.phase == "preparing: Running tokenizer on train dataset"


def test_bars_without_a_title_say_nothing() -> None:
    log = LogReader()
    log.feed(UNTITLED + STEP)
    assert (log.phase, log.lines) == (None, [])


def test_the_end_of_the_log_is_kept_without_bars_and_with_what_has_no_line_end() -> None:
    log = LogReader()
    for number in range(100):
        log.feed(f"{STEP}line {number}\n")
    log.feed("killed")
    log.end()
    assert log.lines[-2:] == ["line 99", "killed"]
    assert len(log.lines) == 40


def test_the_gpu_s_memory_is_asked_of_nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_memory() is None
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '14012, 15360, 98'\n")
    program.chmod(0o755)
    assert gpu_memory() == {"usedBytes": 14012 * 1024**2, "totalBytes": 15360 * 1024**2, "percent": 98}
    program.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert gpu_memory() is None
