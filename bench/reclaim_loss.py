"""How many steps of a training a reclaim costs when every new checkpoint is fetched, as `train --keep-local` does.

With the rehearsal as upstream. First as a person has it: a machine of the local guest trains, `train --keep-local`
follows it over WinRM, at a random step its metadata give the two minutes' notice, then its power is cut and its disk
deleted; a new machine takes the run with `push` and finishes it with `train --resume`. The machine's own watcher saves
and stops on the notice, and that last checkpoint is fetched in the time that is left.

Then without any notice and without the connection. Where a fetch takes longer than a step (a checkpoint of the real
model has some 350 MB), the steps made meanwhile come on top of the interval in this second case.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bench.figure import Figure
from bench.rehearsed import rehearsed_machine
from guest import process
from guest.machine import Machine
from guest.training import gpu_task, verbs
from guest.training.progress import EventReader
from guest.training.runs import FINISHED, Run
from operate import training
from operate.channel import MachineChannel
from operate.output import Output
from tools.throwaway import ready_machine

NAME = "reclaimed"
TIMES = 10
STEPS = 60
SAVE_STEPS = 10
STEP_SECONDS = 0.05
# A machine of the local guest takes the rehearsal's default of half a second a step.
COMMAND_STEPS = 40
COMMAND_LAST = 24
WORKERS = 5
NOTICE_SECONDS = 120
CHINA = datetime.timezone(datetime.timedelta(hours=8))


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
    return [*_measure_by_command(), *_measure_without_connection()]


def _measure_by_command() -> list[Figure]:
    chance = random.Random(5)
    places = [chance.randrange(1, COMMAND_LAST) for _ in range(TIMES)]
    # Processes: each plays its machines on a loop of its own.
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(WORKERS) as pool:
        folders = [Path(folder) / str(number) for number in range(TIMES)]
        reclaims = list(pool.map(reclaim_by_command, folders, places))
    incomplete = sum(not one.metrics_complete for one in reclaims)
    return [
        Figure("reclaim_loss_steps", max(one.lost for one in reclaims), "steps", bar=SAVE_STEPS),
        Figure("reclaim_metrics_missing", incomplete, f"of {TIMES}", bar=0),
    ]


def reclaim_by_command(folder: Path, kill_at: int) -> Reclaim:
    """The same as `reclaim_once`, by what stands behind `train --keep-local`, `push` and `train --resume`."""
    training.POLL_SECONDS = 0.2
    output, kept = Output(as_json=True), folder / "kept"
    folder.mkdir()
    data = folder / "train.json"
    data.write_text('{"content": "question", "summary": "answer"}\n' * 64, encoding="utf-8")
    options = {"max_steps": COMMAND_STEPS, "save_steps": SAVE_STEPS, "logging_steps": 5, "pre_seq_len": 8}
    request = training.TrainRequest(dataset=data, name=NAME, options=options)
    with _metadata() as (url, notice), ready_machine(folder / "first", url) as first:
        channel = MachineChannel(first.connect())
        training.start(channel, request, output)
        keeper = training.Keeper(channel, NAME, kept, output)
        follower = threading.Thread(target=training.follow, args=(channel, NAME, output), kwargs={"keeper": keeper})
        follower.start()
        run = Run(first.root / "runs" / NAME)
        while _step(run) < kill_at:
            time.sleep(0.02)
        notice.set()
        follower.join(NOTICE_SECONDS)
    reached = _step(run)
    shutil.rmtree(folder / "first")
    with ready_machine(folder / "second") as second:
        channel = MachineChannel(second.connect())
        training.push(channel, NAME, kept, output)
        resumed_from = training.start(channel, training.TrainRequest(resume=NAME), output)["resumedFrom"]
        training.conclude(training.follow(channel, NAME, output))
        return Reclaim(reached, resumed_from, _is_complete(Run(second.root / "runs" / NAME), COMMAND_STEPS))


@contextlib.contextmanager
def _metadata() -> Iterator[tuple[str, threading.Event]]:
    """A metadata service that gives the notice once the event is set."""
    notice = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.path.endswith("/spot/termination-time") and notice.is_set()
            end = datetime.datetime.now(CHINA) + datetime.timedelta(seconds=NOTICE_SECONDS)
            self.send_response(200 if given else 404)
            self.end_headers()
            if given:
                self.wfile.write(end.strftime("%Y-%m-%d %H:%M:%S").encode("ascii"))

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", notice
    finally:
        server.shutdown()


def _measure_without_connection() -> list[Figure]:
    chance = random.Random(6)
    reclaims = []
    for _ in range(TIMES):
        with tempfile.TemporaryDirectory() as folder:
            reclaims.append(reclaim_once(Path(folder), kill_at=chance.randrange(1, STEPS)))
    incomplete = sum(not one.metrics_complete for one in reclaims)
    return [
        Figure("reclaim_loss_steps_unconnected", max(one.lost for one in reclaims), "steps", bar=SAVE_STEPS),
        Figure("reclaim_metrics_missing_unconnected", incomplete, f"of {TIMES}", bar=0),
    ]


def reclaim_once(folder: Path, *, kill_at: int) -> Reclaim:
    """Train in `folder`, lose the machine once step `kill_at` is reached, and finish the run on another one."""
    data, bundle = folder / "train.json", folder / "fetched.zip"
    data.write_text('{"content": "question", "summary": "answer"}\n' * 64, encoding="utf-8")
    with rehearsed_machine(folder / "first", STEP_SECONDS) as machine:
        _train_from_the_beginning(data)
        _fetch_until(machine, kill_at, bundle)
        reached = _reclaim(machine)
    with rehearsed_machine(folder / "second", STEP_SECONDS) as machine:
        resumed_from = 0
        if bundle.exists():
            verbs.unpack({"path": str(bundle)})
            resumed_from = verbs.train({"resume": NAME})["resumedFrom"]
        else:
            _train_from_the_beginning(data)
        while gpu_task.current(machine) is not None:
            time.sleep(0.02)
        return Reclaim(reached, resumed_from, _is_complete(Run(machine.runs / NAME), STEPS))


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
    """The step by the events themselves: the recorded progress is some moments old."""
    reader = EventReader()
    if run.events_file.exists():
        reader.feed(run.events_file.read_text(encoding="ascii"))
    return reader.progress.step


def _is_complete(run: Run, steps: int) -> bool:
    state = json.loads((run.output / "trainer_state.json").read_text(encoding="utf-8"))
    results = json.loads((run.output / "train_results.json").read_text(encoding="utf-8"))
    return run.record.state == FINISHED and state["global_step"] == steps and "train_loss" in results
