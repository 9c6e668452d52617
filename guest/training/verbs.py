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

from guest import process
from guest.documents import read_document
from guest.errors import GuestError
from guest.files import write_json
from guest.machine import Machine, this_machine
from guest.phrases import joined, phrase
from guest.serving.choice import served_choice
from guest.training import bundle as bundles
from guest.training import evaluate, gpu_task, runs, start
from guest.training import options as training_options
from guest.training.compare import Comparison, start_comparison
from guest.training.runs import Run
from guest.training.supervise import PATIENCE_SECONDS

Options = Mapping[str, Any]


def train(options: Options) -> dict[str, Any]:
    """Start a run (`dataset`, optional `dev`, `name`, `options`) or go on with one (`resume`, optional `options`).

    Returns at once; the run goes on when the connection ends. `progress` tells how far it is. `keepGoing` (default
    true): it goes on by itself after the machine was away. `dataName` and `devName` are what the person calls the
    files, which travel under other names.
    """
    given = take(
        options, dataset=str, dev=str, dataName=str, devName=str, name=str, resume=str, options=dict, keepGoing=bool
    )
    machine = this_machine()
    machine.require_source()
    changes = given.get("options", {})
    if "resume" in given:
        extra = sorted({"dataset", "dev", "dataName", "devName", "name"} & set(given))
        if extra:
            raise GuestError(
                phrase("{extra} cannot be given when a run is resumed.", extra=", ".join(extra)),
                phrase("A run keeps its name and its data."),
            )
        run = runs.open_run(machine.runs, given["resume"])
        return start.resume(machine, run, changes, keep_going=given.get("keepGoing"))
    if "dataset" not in given:
        raise GuestError(
            phrase("train needs a data set, or a run to resume."), phrase('Give {"dataset": PATH} or {"resume": RUN}.')
        )
    return start.start_new(machine, given, training_options.read_options(changes))


def check(options: Options) -> dict[str, Any]:
    """Check a data set (`dataset`, optional `options`) without starting anything; mistakes are in the answer."""
    given = take(options, dataset=str, options=dict)
    if "dataset" not in given:
        raise GuestError(phrase("check needs a data set."), phrase('Give {"dataset": PATH}.'))
    wanted = training_options.read_options(given.get("options", {}))
    return start.check_data(this_machine(), Path(given["dataset"]), wanted).as_dict()


def stop_training(options: Options) -> dict[str, Any]:
    """Stop the running task in order: a training saves a checkpoint at the end of its step, then ends.

    `patienceSeconds` (default 180) later it is ended without. Returns when it has ended. `machineEnds`: not a person
    asks but the machine is being taken away; the run then counts as interrupted and goes on by itself later.
    """
    given = take(options, patienceSeconds=(int, float), machineEnds=bool)
    machine = this_machine()
    task = gpu_task.current(machine)
    if task is None:
        return {"stopped": None}
    run = Run(machine.runs / task.run)
    patience = float(given.get("patienceSeconds", PATIENCE_SECONDS))
    write_json(run.stop_file, {"patienceSeconds": patience, "machineEnds": given.get("machineEnds", False)})
    deadline = time.monotonic() + patience + 30
    while task.supervisor.is_alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    if task.child is not None and not task.supervisor.is_alive():
        # A supervisor that was ended from outside leaves its child behind.
        process.kill_tree(task.child)
    still = gpu_task.current(machine)
    if still is not None and still.token == task.token:
        raise GuestError(
            phrase("Run {run} did not stop within {patience:.0f} s.", run=task.run, patience=patience + 30),
            phrase("Try again, or restart it."),
        )
    run.stop_file.unlink(missing_ok=True)
    return {"stopped": task.run, **_run_summary(machine, run)}


def save_now(options: Options) -> dict[str, Any]:
    """Ask the running training for a checkpoint at the end of its step, and let it go on."""
    take(options)
    machine = this_machine()
    task = gpu_task.current(machine)
    if task is None or task.kind != "train":
        return {"asked": None}
    Run(machine.runs / task.run).save_file.touch()
    return {"asked": task.run}


def progress(options: Options) -> dict[str, Any]:
    """Progress of a run (`run`), or of the one that runs now; `running` is null where none does."""
    given = take(options, run=str)
    machine = this_machine()
    task = gpu_task.current(machine)
    name = given.get("run") or (task.run if task else None)
    if name is None:
        return {"running": None}
    run = runs.open_run(machine.runs, name)
    is_current = task is not None and task.run == name
    answer: dict[str, Any] = {"running": task.run if task else None, **_run_summary(machine, run)}
    answer["kind"] = task.kind if task and is_current else None
    answer["progress"] = read_document(_progress_file(run, task if is_current else None))
    return answer


def list_all(options: Options) -> dict[str, Any]:
    """All runs on this machine, and what the demo serves."""
    take(options)
    machine = this_machine()
    return {
        "runs": [_run_summary(machine, run) for run in runs.list_runs(machine.runs)],
        "serving": served_choice(machine),
    }


def checkpoints(options: Options) -> dict[str, Any]:
    """The checkpoints of a run (`run`), with what is wrong with incomplete ones."""
    given = take(options, run=str)
    run = named_run(this_machine(), given)
    return {"run": run.name, "checkpoints": [one.as_dict() for one in run.checkpoints()]}


def start_evaluation(options: Options) -> dict[str, Any]:
    """Evaluate a run (`run`, optional `checkpoint` step, `samples`) on its dev set; returns at once.

    `evaluation` has the scores when it has ended.
    """
    given = take(options, run=str, checkpoint=int, samples=int)
    machine = this_machine()
    machine.require_source()
    run = named_run(machine, given)
    record = run.record
    samples = given.get("samples")
    if samples is not None and samples < 1:
        raise GuestError(
            phrase("samples: {samples} is not allowed; it must be 1 or more.", samples=samples),
            phrase("Leave it out for all rows."),
        )
    if record.dev is None:
        raise GuestError(
            phrase("Run {run} has no dev set.", run=run.name), phrase("Start a run with dev to be able to evaluate it.")
        )
    checkpoint = run.checkpoint(given.get("checkpoint"))
    size = start.start_evaluation(machine, run, checkpoint, samples)
    started = {"run": run.name, "checkpoint": checkpoint.name, "state": runs.RUNNING}
    return {**started, "samples": samples, "batchSize": size}


def evaluation(options: Options) -> dict[str, Any]:
    """The outcome of evaluations of a run (`run`, optional `checkpoint` step): state, scores, published scores."""
    given = take(options, run=str, checkpoint=int)
    machine = this_machine()
    run = named_run(machine, given)
    task = gpu_task.current(machine)
    alive = task is not None and task.kind == "evaluate" and task.run == run.name
    wanted = given.get("checkpoint")
    outcomes = [
        one.outcome(alive=alive)
        for one in evaluate.list_evaluations(run)
        if wanted is None or one.checkpoint == f"checkpoint-{wanted}"
    ]
    if not outcomes:
        raise GuestError(
            phrase("Run {run} has not been evaluated.", run=run.name),
            phrase("Evaluate it first: evaluate {run}.", run=run.name),
        )
    return {"run": run.name, "evaluations": outcomes}


def compare(options: Options) -> dict[str, Any]:
    """Ask the base model and a run (`run`, optional `checkpoint` step, `questions`) the same; returns at once.

    `questions` is a list of texts; without it ten rows are taken that were not trained on, where there are any.
    """
    given = take(options, run=str, checkpoint=int, questions=list)
    machine = this_machine()
    machine.require_source()
    run = named_run(machine, given)
    checkpoint = run.checkpoint(given.get("checkpoint"))
    asked = start_comparison(machine, run, checkpoint, given.get("questions"))
    return {"run": run.name, "checkpoint": checkpoint.name, "state": runs.RUNNING, "questions": asked}


def comparison(options: Options) -> dict[str, Any]:
    """The last comparison of a run (`run`): state, and the answers side by side."""
    given = take(options, run=str)
    machine = this_machine()
    run = named_run(machine, given)
    task = gpu_task.current(machine)
    return Comparison(run).outcome(alive=task is not None and task.kind == "compare" and task.run == run.name)


def pack(options: Options) -> dict[str, Any]:
    """Write a run (`run`, optional `checkpoint` step, `data` false to leave the data out) into one file to fetch."""
    given = take(options, run=str, checkpoint=int, data=bool)
    machine = this_machine()
    run = named_run(machine, given)
    target = machine.root / "bundles" / f"{run.name}.zip"
    packed = bundles.pack(run, target, step=given.get("checkpoint"), data=given.get("data", True))
    return packed.as_dict()


def unpack(options: Options) -> dict[str, Any]:
    """Take in a run from a bundle file (`path`, optional `sha256`)."""
    given = take(options, path=str, sha256=str)
    machine = this_machine()
    if "path" not in given:
        raise GuestError(phrase("unpack needs the path of a bundle."), phrase('Give {"path": PATH}.'))
    task = gpu_task.current(machine)
    if task is not None:
        raise GuestError(
            phrase("Run {run} uses the GPU and its folder.", run=task.run), phrase("Wait for it, or stop it first.")
        )
    run, step = bundles.unpack(Path(given["path"]), machine.runs, sha256=given.get("sha256"))
    return {"step": step, **_run_summary(machine, run)}


def plain(verb: Callable[[Options], dict[str, Any]]) -> Callable[[Options], dict[str, Any]]:
    """The verb with what the system refuses (a full disk, a file in use) told as a GuestError."""

    @functools.wraps(verb)
    def told(options: Options) -> dict[str, Any]:
        try:
            return verb(options)
        except OSError as error:
            raise GuestError(
                phrase("The system refused it: {error}.", error=error),
                phrase("Look for a full disk, or a program that holds the file open."),
            ) from error

    return told


VERBS: dict[str, Callable[[Options], dict[str, Any]]] = {
    "train": plain(train),
    "check": plain(check),
    "stop-training": plain(stop_training),
    "save": plain(save_now),
    "progress": plain(progress),
    "runs": plain(list_all),
    "checkpoints": plain(checkpoints),
    "evaluate": plain(start_evaluation),
    "evaluation": plain(evaluation),
    "compare": plain(compare),
    "comparison": plain(comparison),
    "pack": plain(pack),
    "unpack": plain(unpack),
}


def named_run(machine: Machine, given: Options) -> Run:
    if "run" not in given:
        names = ", ".join(run.name for run in runs.list_runs(machine.runs)) or "none"
        raise GuestError(
            phrase("The name of a run is missing."),
            phrase('Give {{"run": NAME}}; runs on this machine: {names}.', names=names),
        )
    return runs.open_run(machine.runs, given["run"])


def _run_summary(machine: Machine, run: Run) -> dict[str, Any]:
    """A run as `runs` and `progress` tell it; one whose record cannot be read says so and hides no other."""
    found = run.checkpoints()
    complete = [one.step for one in found if one.complete]
    summary: dict[str, Any] = {
        "run": run.name,
        "newestCheckpoint": max(complete, default=None),
        "bestCheckpoint": run.best_step(),
        "incompleteCheckpoints": [one.name for one in found if not one.complete],
    }
    try:
        record = run.record
    except GuestError as error:
        unknown = ("created", "rehearsal", "keepGoing", "preSeqLen", "maxSteps", "data", "dev", "options")
        told = {"state": runs.UNREADABLE, "reason": error.message, "hint": error.hint}
        return {**summary, **told, **dict.fromkeys(unknown)}
    task = gpu_task.current(machine)
    trains = task is not None and task.kind == "train" and task.run == run.name
    return {
        **summary,
        "state": runs.INTERRUPTED if record.state == runs.RUNNING and not trains else record.state,
        "reason": record.reason,
        "hint": record.hint,
        "created": record.created,
        "rehearsal": record.rehearsal,
        "keepGoing": record.keep_going,
        "preSeqLen": record.options.pre_seq_len,
        "maxSteps": record.options.max_steps,
        "data": asdict(record.train),
        "dev": None if record.dev is None else asdict(record.dev),
        "options": record.options.as_dict(),
    }


def _progress_file(run: Run, task: gpu_task.GpuTask | None) -> Path:
    """Where the task that runs, or else the training, writes its progress."""
    if task is not None and task.kind == "compare":
        return Comparison(run).progress
    if task is not None and task.kind == "evaluate":
        results = list(run.evaluation.glob("*/evaluation.json"))
        if results:
            return max(results, key=lambda file: file.stat().st_mtime).with_name("progress.json")
    return run.progress_file


def take(options: Options, /, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """The options that are given and not null; raises GuestError that names every unknown or ill-typed one."""
    mistakes = []
    taken: dict[str, Any] = {}
    for name, value in options.items():
        if name not in kinds:
            mistakes.append(
                phrase(
                    "{name}: there is no such option here (there are: {kinds})",
                    name=name,
                    kinds=", ".join(kinds) or phrase("none"),
                )
            )
        elif value is None:
            continue
        elif not isinstance(value, kinds[name]) or (isinstance(value, bool) and kinds[name] is not bool):
            mistakes.append(phrase("{name}: {value!r} has the wrong type", name=name, value=value))
        else:
            taken[name] = value
    if mistakes:
        raise GuestError(joined("\n", mistakes), phrase("Nothing was done."))
    return taken
