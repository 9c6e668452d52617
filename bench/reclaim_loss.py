"""How many steps of a training a reclaim costs when every new checkpoint is fetched.

On this computer, with the rehearsal as upstream and without the connection between operator and machine: a training is
killed at a random step, its machine's folder is deleted, and the run goes on elsewhere from the last fetched bundle.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from guest.training import gpu_task, process, start, verbs
from guest.training.machine import Machine, this_machine
from guest.training.progress import LogReader
from guest.training.runs import FINISHED, Run

REHEARSAL = Path(__file__).parents[1] / "guest" / "rehearsal"
NAME = "reclaimed"
TIMES = 10
STEPS = 60
SAVE_STEPS = 10
STEP_SECONDS = 0.05


@dataclass(frozen=True)
class Reclaim:
    """One reclaim: the step the training had reached, the step it went on from, and whether it ended whole."""

    reached: int
    resumed_from: int
    metrics_complete: bool

    @property
    def lost(self) -> int:
        return self.reached - self.resumed_from


def measure() -> list[Figure]:
    chance = random.Random(6)
    reclaims = []
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as folder:
            reclaims.append(reclaim_once(Path(folder), kill_at=chance.randrange(1, STEPS)))
    incomplete = sum(not one.metrics_complete for one in reclaims)
    return [
        Figure("reclaim_loss_steps", max(one.lost for one in reclaims), "steps", bar=SAVE_STEPS),
        Figure("reclaim_metrics_missing", incomplete, f"of {TIMES}", bar=0),
    ]


def reclaim_once(folder: Path, *, kill_at: int) -> Reclaim:
    """Train in `folder`, lose the machine once step `kill_at` is reached, and finish the run on another one."""
    data, bundle = folder / "train.json", folder / "fetched.zip"
    data.write_text('{"content": "question", "summary": "answer"}\n' * 64, encoding="utf-8")
    with _machine(folder / "first") as machine:
        _train_from_the_beginning(data)
        _fetch_until(machine, kill_at, bundle)
        reached = _reclaim(machine)
    with _machine(folder / "second") as machine:
        resumed_from = 0
        if bundle.exists():
            verbs.unpack({"path": str(bundle)})
            resumed_from = verbs.train({"resume": NAME})["resumedFrom"]
        else:
            _train_from_the_beginning(data)
        while gpu_task.current(machine) is not None:
            time.sleep(0.02)
        return Reclaim(reached, resumed_from, _is_complete(machine))


def _train_from_the_beginning(data: Path) -> None:
    options = {"max_steps": STEPS, "save_steps": SAVE_STEPS, "logging_steps": 5, "pre_seq_len": 8}
    verbs.train({"dataset": str(data), "name": NAME, "options": options})


def _fetch_until(machine: Machine, step: int, bundle: Path) -> None:
    """Fetch every new complete checkpoint, as `train --keep-local` does, until the training has reached the step."""
    run, fetched = Run(machine.runs / NAME), 0
    while (reached := _step(run)) < step:
        newest = max((one.step for one in run.checkpoints() if one.complete), default=0)
        if newest > fetched:
            shutil.copyfile(verbs.pack({"run": NAME})["path"], bundle)
            fetched = newest
        elif reached < step:
            time.sleep(0.01)


def _reclaim(machine: Machine) -> int:
    """End everything at once, delete the machine's folder, and return the step that had been reached."""
    task = gpu_task.current(machine)
    if task is None or task.child is None:
        raise RuntimeError("the training ended before it could be reclaimed")
    for one in (task.supervisor, task.child):
        process.kill_tree(one)
    reached = _step(Run(machine.runs / NAME))
    shutil.rmtree(machine.root)
    return reached


def _step(run: Run) -> int:
    """The step by the log itself: the recorded progress is some moments old."""
    reader = LogReader()
    if run.log.exists():
        reader.feed(run.log.read_text(encoding="utf-8", errors="replace"))
    return reader.progress.step


def _is_complete(machine: Machine) -> bool:
    run = Run(machine.runs / NAME)
    state = json.loads((run.output / "trainer_state.json").read_text(encoding="utf-8"))
    results = json.loads((run.output / "train_results.json").read_text(encoding="utf-8"))
    return run.record.state == FINISHED and state["global_step"] == STEPS and "train_loss" in results


@contextlib.contextmanager
def _machine(root: Path) -> Iterator[Machine]:
    """A machine in a folder; the verbs find it by the environment, as on the real one."""
    settings = {
        "CHATGLM_ROOT": str(root),
        "CHATGLM_SOURCE": str(REHEARSAL),
        "CHATGLM_REHEARSAL_STEP_SECONDS": str(STEP_SECONDS),
    }
    before = {name: os.environ.get(name) for name in settings}
    poll, start.POLL_SECONDS = start.POLL_SECONDS, 0.02
    os.environ.update(settings)
    try:
        yield this_machine()
    finally:
        start.POLL_SECONDS = poll
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
