"""The largest error of the remaining time that is told of a resumed run, in per cent.

A training of the rehearsal is killed and resumed, with real processes and checkpoints. What was told at each step, from
the tenth of the resumed run until a tenth of its steps is left, is held against when the last step was really done.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from bench.figure import Figure
from bench.rehearsed import rehearsed_machine
from guest import process
from guest.machine import Machine
from guest.training import gpu_task, verbs
from guest.training.progress import EventReader
from guest.training.runs import Run

BAR = 20.0
_STEPS, _SAVE, _REACHED, _FIRST = 120, 20, 40, 10
_STEP_SECONDS = 0.1
_NAME = "resumed"


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "chatglm")
        with rehearsed_machine(root, _STEP_SECONDS) as machine:
            data = Path(folder, "data.json")
            data.write_text('{"content": "a", "summary": "b"}\n' * 32, encoding="utf-8")
            run = Run(machine.runs / _NAME)
            options = {"max_steps": _STEPS, "save_steps": _SAVE, "logging_steps": 5, "pre_seq_len": 8}
            verbs.train({"dataset": str(data), "name": _NAME, "options": options})
            _wait_until_step(run, _REACHED + 3)
            task = gpu_task.current(machine)
            assert task is not None
            assert task.child is not None
            for one in (task.supervisor, task.child):
                process.kill_tree(one)
            _wait_until_free(machine)
            verbs.train({"resume": _NAME})
            _wait_until_free(machine)
            return [Figure("progress_error", _largest_error(run), "%", BAR)]


def _largest_error(run: Run) -> float:
    lines = run.events_file.read_text(encoding="ascii").splitlines(keepends=True)
    steps = [event for event in map(json.loads, lines) if event["event"] == "step"]
    if steps[0]["step"] != _REACHED + 1 or steps[-1]["step"] != _STEPS:
        raise RuntimeError(f"the run went from {steps[0]['step']} to {steps[-1]['step']}")
    finished = float(steps[-1]["at"])
    reader, errors = EventReader(_STEPS, _REACHED), []
    for line in lines:
        reader.feed(line)
        event = json.loads(line)
        if event["event"] == "step" and _REACHED + _FIRST <= event["step"] <= _STEPS - (_STEPS - _REACHED) // 10:
            left = finished - float(event["at"])
            told = reader.progress.seconds_left
            assert told is not None
            errors.append(100 * abs(told - left) / left)
    return max(errors)


def _wait_until_free(machine: Machine) -> None:
    while gpu_task.current(machine) is not None:
        time.sleep(0.1)


def _wait_until_step(run: Run, step: int) -> None:
    while True:
        reader = EventReader()
        if run.events_file.exists():
            reader.feed(run.events_file.read_text(encoding="ascii"))
        if reader.progress.step >= step:
            return
        time.sleep(0.05)
