"""What can be asked of the machine about fine-tuning: functions from options to an answer, both JSON objects.

Every function raises GuestError for what a person can mend, and prints nothing. `VERBS` names them.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.training import bundle as bundles
from guest.training import demo, deploy, evaluate, gpu_task, process, runs, start
from guest.training import options as training_options
from guest.training.files import read_json, write_json
from guest.training.machine import Machine, this_machine
from guest.training.runs import Run
from guest.training.supervise import PATIENCE_SECONDS

Options = Mapping[str, Any]


def train(options: Options) -> dict[str, Any]:
    """Start a run (`dataset`, optional `dev`, `name`, `options`) or go on with one (`resume`, optional `options`).

    Returns at once; the run goes on when the connection ends. `progress` tells how far it is.
    """
    given = _take(options, dataset=str, dev=str, name=str, resume=str, options=dict)
    machine = this_machine()
    machine.require_source()
    changes = given.get("options", {})
    if "resume" in given:
        extra = sorted({"dataset", "dev", "name"} & set(given))
        if extra:
            raise GuestError(
                f"{', '.join(extra)} cannot be given when a run is resumed.", "A run keeps its name and its data."
            )
        return start.resume(machine, runs.open_run(machine.runs, given["resume"]), changes)
    if "dataset" not in given:
        raise GuestError("train needs a data set, or a run to resume.", 'Give {"dataset": PATH} or {"resume": RUN}.')
    return start.start_new(machine, given, training_options.read_options(changes))


def check(options: Options) -> dict[str, Any]:
    """Check a data set (`dataset`, optional `options`) without starting anything; mistakes are in the answer."""
    given = _take(options, dataset=str, options=dict)
    if "dataset" not in given:
        raise GuestError("check needs a data set.", 'Give {"dataset": PATH}.')
    wanted = training_options.read_options(given.get("options", {}))
    return start.check_data(this_machine(), Path(given["dataset"]), wanted).as_dict()


def stop_training(options: Options) -> dict[str, Any]:
    """Stop the running task in order: a training saves a checkpoint at the end of its step, then ends.

    `patienceSeconds` (default 180) later it is ended without. Returns when it has ended.
    """
    given = _take(options, patienceSeconds=(int, float))
    machine = this_machine()
    task = gpu_task.current(machine)
    if task is None:
        return {"stopped": None}
    run = Run(machine.runs / task.run)
    patience = float(given.get("patienceSeconds", PATIENCE_SECONDS))
    write_json(run.stop_file, {"patienceSeconds": patience})
    deadline = time.monotonic() + patience + 30
    while task.supervisor.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    if task.child is not None and not task.supervisor.is_alive():
        # A supervisor that was ended from outside leaves its child behind.
        process.kill_tree(task.child)
    still = gpu_task.current(machine)
    if still is not None and still.token == task.token:
        raise GuestError(f"Run {task.run} did not stop within {patience + 30:.0f} s.", "Try again, or restart it.")
    run.stop_file.unlink(missing_ok=True)
    return {"stopped": task.run, **_run_summary(machine, run)}


def save_now(options: Options) -> dict[str, Any]:
    """Ask the running training for a checkpoint at the end of its step, and let it go on."""
    _take(options)
    machine = this_machine()
    task = gpu_task.current(machine)
    if task is None or task.kind != "train":
        return {"asked": None}
    Run(machine.runs / task.run).save_file.touch()
    return {"asked": task.run}


def progress(options: Options) -> dict[str, Any]:
    """Progress of a run (`run`), or of the one that runs now; `running` is null where none does."""
    given = _take(options, run=str)
    machine = this_machine()
    task = gpu_task.current(machine)
    name = given.get("run") or (task.run if task else None)
    if name is None:
        return {"running": None}
    run = runs.open_run(machine.runs, name)
    is_current = task is not None and task.run == name
    answer: dict[str, Any] = {"running": task.run if task else None, **_run_summary(machine, run)}
    answer["kind"] = task.kind if task and is_current else None
    answer["progress"] = read_json(_progress_file(run, task if is_current else None))
    return answer


def list_all(options: Options) -> dict[str, Any]:
    """All runs on this machine, and what the demo serves."""
    _take(options)
    machine = this_machine()
    return {
        "runs": [_run_summary(machine, run) for run in runs.list_runs(machine.runs)],
        "serving": deploy.served_choice(machine),
    }


def checkpoints(options: Options) -> dict[str, Any]:
    """The checkpoints of a run (`run`), with what is wrong with incomplete ones."""
    given = _take(options, run=str)
    run = _named_run(this_machine(), given)
    return {"run": run.name, "checkpoints": [one.as_dict() for one in run.checkpoints()]}


def start_evaluation(options: Options) -> dict[str, Any]:
    """Evaluate a run (`run`, optional `checkpoint` step, `samples`) on its dev set; returns at once.

    `evaluation` has the scores when it has ended.
    """
    given = _take(options, run=str, checkpoint=int, samples=int)
    machine = this_machine()
    machine.require_source()
    run = _named_run(machine, given)
    record = run.record
    samples = given.get("samples")
    if samples is not None and samples < 1:
        raise GuestError(f"samples: {samples} is not allowed; it must be 1 or more.", "Leave it out for all rows.")
    if record.dev is None:
        raise GuestError(f"Run {run.name} has no dev set.", "Start a run with dev to be able to evaluate it.")
    checkpoint = run.checkpoint(given.get("checkpoint"))
    start.start_evaluation(machine, run, checkpoint, samples)
    return {"run": run.name, "checkpoint": checkpoint.name, "state": runs.RUNNING, "samples": samples}


def evaluation(options: Options) -> dict[str, Any]:
    """The outcome of evaluations of a run (`run`, optional `checkpoint` step): state, scores, published scores."""
    given = _take(options, run=str, checkpoint=int)
    machine = this_machine()
    run = _named_run(machine, given)
    task = gpu_task.current(machine)
    alive = task is not None and task.kind == "evaluate" and task.run == run.name
    wanted = given.get("checkpoint")
    outcomes = [
        one.outcome(alive=alive)
        for one in evaluate.list_evaluations(run)
        if wanted is None or one.checkpoint == f"checkpoint-{wanted}"
    ]
    if not outcomes:
        raise GuestError(f"Run {run.name} has not been evaluated.", f"Evaluate it first: evaluate {run.name}.")
    return {"run": run.name, "evaluations": outcomes}


def deploy_choice(options: Options) -> dict[str, Any]:
    """Serve a run (`run`, optional `checkpoint` step) or the base model (`run`: "base"); returns when it answers."""
    given = _take(options, run=str, checkpoint=int, timeoutSeconds=(int, float))
    machine = this_machine()
    if given.get("run") == deploy.BASE:
        settings = deploy.base_settings(machine)
    else:
        run = _named_run(machine, given)
        start.require_same_upstream(machine, run)
        settings = deploy.run_settings(machine, run, run.checkpoint(given.get("checkpoint")))
    task = gpu_task.current(machine)
    if task is not None:
        raise GuestError(
            f"Run {task.run} uses the GPU, which does not hold the demo besides.", "Wait for it, or stop it first."
        )
    controlled = demo.control(machine)
    if isinstance(controlled, demo.NoDemo):
        raise GuestError("No demo is installed on this machine.", "Wait until the machine has installed itself.")
    seconds = float(given.get("timeoutSeconds", deploy.ANSWER_SECONDS))
    deploy.switch(machine, settings, controlled, seconds=seconds)
    return {"serving": settings["choice"], "preSeqLen": settings["preSeqLen"], "rehearsal": machine.is_rehearsal}


def pack(options: Options) -> dict[str, Any]:
    """Write a run (`run`, optional `checkpoint` step, `data` false to leave the data out) into one file to fetch."""
    given = _take(options, run=str, checkpoint=int, data=bool)
    machine = this_machine()
    run = _named_run(machine, given)
    target = machine.root / "bundles" / f"{run.name}.zip"
    packed = bundles.pack(run, target, step=given.get("checkpoint"), data=given.get("data", True))
    return packed.as_dict()


def unpack(options: Options) -> dict[str, Any]:
    """Take in a run from a bundle file (`path`, optional `sha256`)."""
    given = _take(options, path=str, sha256=str)
    machine = this_machine()
    if "path" not in given:
        raise GuestError("unpack needs the path of a bundle.", 'Give {"path": PATH}.')
    task = gpu_task.current(machine)
    if task is not None:
        raise GuestError(f"Run {task.run} uses the GPU and its folder.", "Wait for it, or stop it first.")
    run, step = bundles.unpack(Path(given["path"]), machine.runs, sha256=given.get("sha256"))
    return {"step": step, **_run_summary(machine, run)}


def _plain(verb: Callable[[Options], dict[str, Any]]) -> Callable[[Options], dict[str, Any]]:
    """The verb with what the system refuses (a full disk, a file in use) told as a GuestError."""

    @functools.wraps(verb)
    def told(options: Options) -> dict[str, Any]:
        try:
            return verb(options)
        except OSError as error:
            raise GuestError(
                f"The system refused it: {error}.", "Look for a full disk, or a program that holds the file open."
            ) from error

    return told


VERBS: dict[str, Callable[[Options], dict[str, Any]]] = {
    "train": _plain(train),
    "check": _plain(check),
    "stop-training": _plain(stop_training),
    "save": _plain(save_now),
    "progress": _plain(progress),
    "runs": _plain(list_all),
    "checkpoints": _plain(checkpoints),
    "evaluate": _plain(start_evaluation),
    "evaluation": _plain(evaluation),
    "deploy": _plain(deploy_choice),
    "pack": _plain(pack),
    "unpack": _plain(unpack),
}


def _named_run(machine: Machine, given: Options) -> Run:
    if "run" not in given:
        names = ", ".join(run.name for run in runs.list_runs(machine.runs)) or "none"
        raise GuestError("The name of a run is missing.", f'Give {{"run": NAME}}; runs on this machine: {names}.')
    return runs.open_run(machine.runs, given["run"])


def _run_summary(machine: Machine, run: Run) -> dict[str, Any]:
    record = run.record
    found = run.checkpoints()
    complete = [one.step for one in found if one.complete]
    task = gpu_task.current(machine)
    trains = task is not None and task.kind == "train" and task.run == run.name
    state = runs.INTERRUPTED if record.state == runs.RUNNING and not trains else record.state
    return {
        "run": run.name,
        "state": state,
        "reason": record.reason,
        "hint": record.hint,
        "created": record.created,
        "rehearsal": record.rehearsal,
        "preSeqLen": record.options.pre_seq_len,
        "maxSteps": record.options.max_steps,
        "newestCheckpoint": max(complete, default=None),
        "incompleteCheckpoints": [one.name for one in found if not one.complete],
        "data": asdict(record.train),
        "dev": None if record.dev is None else asdict(record.dev),
        "options": record.options.as_dict(),
    }


def _progress_file(run: Run, task: gpu_task.GpuTask | None) -> Path:
    if task is not None and task.kind == "evaluate":
        newest = max(run.evaluation.glob("*/evaluation.json"), key=lambda file: file.stat().st_mtime)
        return newest.with_name("progress.json")
    return run.progress_file


def _take(options: Options, /, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """The options that are given and not null; raises GuestError that names every unknown or ill-typed one."""
    mistakes = []
    taken: dict[str, Any] = {}
    for name, value in options.items():
        if name not in kinds:
            mistakes.append(f"{name}: there is no such option here (there are: {', '.join(kinds) or 'none'})")
        elif value is None:
            continue
        elif not isinstance(value, kinds[name]) or (isinstance(value, bool) and kinds[name] is not bool):
            mistakes.append(f"{name}: {value!r} has the wrong type")
        else:
            taken[name] = value
    if mistakes:
        raise GuestError("\n".join(mistakes), "Nothing was done.")
    return taken
