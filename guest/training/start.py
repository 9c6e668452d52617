"""Starts the detached task: checks everything first, claims the GPU, stops the demo, hands over to the supervisor."""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guest import process
from guest.documents import read_document, write_document
from guest.errors import GuestError
from guest.failures import OUT_OF_MEMORY
from guest.files import read_json, write_json
from guest.gpu import free_bytes
from guest.machine import Machine
from guest.phrases import joined, phrase
from guest.training import dataset, demo, gpu_task, memory, runs, tokens
from guest.training import options as training_options
from guest.training.checkpoints import STATE, Checkpoint
from guest.training.evaluate import Evaluation
from guest.training.launch import Launch
from guest.training.options import TrainOptions
from guest.training.progress import Progress
from guest.training.runs import DataFile, Record, Run
from guest.training.supervise import Job, progress_document

Options = Mapping[str, Any]

# How often the supervisor looks at what the program told.
POLL_SECONDS = 1.0
_LAUNCH = Path(__file__).with_name("launch.py")
#: For the end of a demo to give its memory back to the driver.
_SETTLE_SECONDS = 10.0


def start_new(machine: Machine, given: Options, wanted: TrainOptions) -> dict[str, Any]:
    """Check the data, make the run's folder and start training."""
    require_bits_of_the_model(machine, wanted)
    path = Path(given["dataset"])
    dev = Path(given["dev"]) if "dev" in given else None
    name = given.get("name") or _default_name(machine.runs)
    runs.check_name(name)
    reports = [check_data(machine, one, wanted, trained=one is path) for one in (path, dev) if one is not None]
    _raise_together(reports)
    if wanted.hold_out and reports[0].rows < 2:
        raise GuestError(
            phrase("Of one row none can be held out."), phrase("Leave hold_out away, or give a data set of more rows.")
        )
    record = Record(
        name=name,
        options=wanted,
        train=_data_file(reports[0], given.get("dataName")),
        dev=_data_file(reports[1], given.get("devName")) if dev is not None else None,
        created=runs.now(),
        rehearsal=machine.is_rehearsal,
        keep_going=given.get("keepGoing", True),
    )
    with gpu_task.claimed(machine, kind="train", run=name) as claimed:
        run = runs.create_run(machine.runs, record)
        dataset.write_clean(path, wanted.columns, run.train_file)
        held_out = hold_rows_out(run, wanted)
        if dev is not None:
            dataset.write_clean(dev, wanted.columns, run.dev_file)
        chosen = _start_training(machine, claimed, run, wanted, checkpoint=None)
    return {
        "run": name,
        "state": runs.RUNNING,
        "resumedFrom": None,
        "rehearsal": record.rehearsal,
        "memory": chosen.words,
        "heldOutRows": held_out,
        "data": reports[0].as_dict(),
        "dev": reports[1].as_dict() if dev is not None else None,
    }


def resume(machine: Machine, run: Run, changes: Options, *, keep_going: bool | None = None) -> dict[str, Any]:
    """Go on with a run from its newest complete checkpoint, or from the beginning where it has none."""
    require_same_upstream(machine, run)
    record = run.record
    wanted = training_options.change_options(record.options, changes)
    require_bits_of_the_model(machine, wanted)
    with gpu_task.claimed(machine, kind="train", run=run.name) as claimed:
        checkpoint = run.newest_complete()
        # A machine that vanished after the last checkpoint still owes the metrics.
        owes_metrics = record.state != runs.FINISHED
        if checkpoint is not None and checkpoint.step >= wanted.max_steps and not owes_metrics:
            raise GuestError(
                phrase("Run {run} has done its {max_steps} steps.", run=run.name, max_steps=wanted.max_steps),
                phrase("Deploy it, or raise max_steps above {step} to go on.", step=checkpoint.step),
            )
        aside = run.set_broken_aside()
        run.update(options=wanted, keep_going=record.keep_going if keep_going is None else keep_going)
        chosen = _start_training(machine, claimed, run, wanted, checkpoint=checkpoint)
    return {
        "run": run.name,
        "state": runs.RUNNING,
        "resumedFrom": 0 if checkpoint is None else checkpoint.step,
        "rehearsal": machine.is_rehearsal,
        "memory": chosen.words,
        "setAside": aside,
    }


def hold_rows_out(run: Run, wanted: TrainOptions) -> int:
    """Move the share that is held out from the clean training file to one of its own; how many rows that are."""
    if not wanted.hold_out:
        return 0
    rows = run.train_file.read_bytes().splitlines(keepends=True)
    count = max(1, round(len(rows) * wanted.hold_out))
    chosen = set(random.Random(wanted.seed).sample(range(len(rows)), count))  # noqa: S311 - a choice of rows
    run.hold_out_file.write_bytes(b"".join(rows[place] for place in sorted(chosen)))
    run.train_file.write_bytes(b"".join(row for place, row in enumerate(rows) if place not in chosen))
    return count


def _start_training(
    machine: Machine, claimed: gpu_task.GpuTask, run: Run, wanted: TrainOptions, *, checkpoint: Checkpoint | None
) -> memory.Thrift:
    arguments = training_options.train_arguments(
        wanted,
        model=machine.model,
        train_file=run.train_file,
        output=run.output,
        resume_from=None if checkpoint is None else checkpoint.path,
    )
    training_options.write_arguments(run.arguments_file, arguments)
    run.save_file.unlink(missing_ok=True)
    restart_demo = stop_demo(machine, run)
    chosen = memory.choose_thrift(wanted, free_bytes(), ran_out=_ran_out(run))
    holds_out = run.hold_out_file.is_file()
    launch = Launch(
        events=str(run.events_file),
        save=str(run.save_file),
        stop=str(run.stop_file),
        seed=wanted.seed,
        checkpointing=chosen.checkpointing,
        weight_gradients=chosen.weight_gradients,
        hold_out=str(run.hold_out_file) if holds_out else None,
        hold_out_memory=str(run.hold_out_losses) if holds_out else None,
        patience=wanted.patience,
    )
    write_json(run.launch_file, launch.as_dict())
    job = new_job(
        machine,
        claimed,
        command=[str(_LAUNCH), str(machine.ptuning / "main.py"), str(run.arguments_file), str(run.launch_file)],
        events=str(run.events_file),
        log=str(run.log),
        progress=str(run.progress_file),
        result=str(run.file),
        total=wanted.max_steps,
        resumed_from=0 if checkpoint is None else checkpoint.step,
        last_loss=None if checkpoint is None else last_loss(checkpoint),
        checkpointing=chosen.checkpointing,
        restart_demo=restart_demo,
    )
    start_job(machine, run, job, claimed)
    return chosen


def _ran_out(run: Run) -> bool:
    """Whether the run has found too little memory without gradient checkpointing."""
    return any(one.reason == OUT_OF_MEMORY.reason and not one.checkpointing for one in run.record.attempts)


def last_loss(checkpoint: Checkpoint) -> float:
    """The last loss that was logged before the checkpoint; infinite where none was."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        history = json.loads((checkpoint.path / STATE).read_text(encoding="utf-8"))["log_history"]
        return float([entry["loss"] for entry in history if "loss" in entry][-1])
    return float("inf")


def require_same_upstream(machine: Machine, run: Run) -> None:
    """Raise GuestError for a run of the rehearsal on a machine with a real model, and the other way round."""
    rehearsed = run.record.rehearsal
    if rehearsed != machine.is_rehearsal:
        raise GuestError(
            phrase(
                "Run {run} was made by {maker}; this machine has {here}.",
                run=run.name,
                maker=phrase("a rehearsal") if rehearsed else phrase("the real model"),
                here=phrase("the real model") if rehearsed else phrase("a rehearsal"),
            ),
            phrase("Their checkpoints have nothing in common; CHATGLM_SOURCE decides which of them a machine is."),
        )


def require_bits_of_the_model(machine: Machine, wanted: TrainOptions) -> None:
    """Raise GuestError where the model's files hold quantised weights, of which no others can be made."""
    held = (read_json(machine.model / "config.json") or {}).get("quantization_bit")
    if held and wanted.quantization_bit != held:
        raise GuestError(
            phrase(
                "This machine's model has {held}-bit weights; the training asks for {quantization_bit}-bit ones.",
                held=held,
                quantization_bit=wanted.quantization_bit or 16,
            ),
            phrase("Set quantization_bit to {held}, or install chatglm:model without -int{held}.", held=held),
        )


def start_evaluation(machine: Machine, run: Run, checkpoint: Checkpoint, samples: int | None) -> int:
    """Start predicting on the run's dev set and return how many rows are predicted at once.

    What an earlier evaluation of the checkpoint wrote is replaced.
    """
    require_same_upstream(machine, run)
    files = Evaluation(run, checkpoint.name)
    record = run.record
    with gpu_task.claimed(machine, kind="evaluate", run=run.name) as claimed:
        restart_demo = stop_demo(machine, run)
        rows = 0 if record.dev is None else record.dev.rows
        size = memory.batch_size(record.options, free_bytes(), rows if samples is None else min(rows, samples))
        arguments = training_options.predict_arguments(
            record.options,
            model=machine.model,
            test_file=run.dev_file,
            output=files.folder,
            checkpoint=checkpoint.path,
            samples=samples,
            batch_size=size,
        )
        for old in (files.metrics, files.predictions, files.progress):
            old.unlink(missing_ok=True)
        training_options.write_arguments(files.arguments_file, arguments)
        launch = Launch(
            events=str(files.events),
            save=str(run.save_file),
            stop=str(run.stop_file),
            seed=record.options.seed,
            predicting=True,
        )
        write_json(files.launch_file, launch.as_dict())
        # Before the task runs, so that whoever asks then finds it.
        write_document(files.result, {"state": runs.RUNNING, "started": runs.now(), "reason": "", "hint": ""})
        job = new_job(
            machine,
            claimed,
            command=[
                *(str(_LAUNCH), str(machine.ptuning / "main.py")),
                *(str(files.arguments_file), str(files.launch_file)),
            ],
            events=str(files.events),
            log=str(files.log),
            progress=str(files.progress),
            result=str(files.result),
            restart_demo=restart_demo,
        )
        start_job(machine, run, job, claimed)
    return size


def start_job(machine: Machine, run: Run, job: Job, claimed: gpu_task.GpuTask) -> None:
    """Start the supervisor, and return when it has taken over."""
    log = run.folder / "supervisor.log"
    run.stop_file.unlink(missing_ok=True)
    write_document(run.job_file, {"job": asdict(job)})
    # At once: what stands there is the end of an earlier attempt.
    beginning = Progress(step=job.resumed_from, total=job.total)
    write_document(Path(job.progress), progress_document(job, beginning, None))
    process.start_detached(
        ["-m", "guest.training.supervise", str(run.job_file)],
        # The folder that holds the package `guest`, so that the program finds it whatever the current one is.
        directory=Path(__file__).resolve().parents[2],
        log=log,
    )
    if not gpu_task.wait_for_handover(machine, claimed):
        raise GuestError(
            phrase("The task for run {run} did not start.", run=run.name), phrase("See {log} on the machine.", log=log)
        )


def new_job(machine: Machine, claimed: gpu_task.GpuTask, **more: Any) -> Job:
    """The job of the task that holds the GPU; `more` are the fields that depend on its kind."""
    return Job(
        kind=claimed.kind,
        token=claimed.token,
        root=str(machine.root),
        source=str(machine.source),
        model=str(machine.model),
        run=claimed.run,
        poll_seconds=POLL_SECONDS,
        **more,
    )


def stop_demo(machine: Machine, run: Run) -> bool:
    """Stop the demo, since the GPU does not hold both, and return whether it is to be started again afterwards.

    That is so where it ran, and where an earlier task of the run stopped it and was not there to start it again.
    """
    controlled = demo.control(machine)
    was_wanted = controlled.is_wanted()
    if was_wanted:
        controlled.stop()
        _wait_for_memory()
    return was_wanted or owes_demo(run)


def owes_demo(run: Run) -> bool:
    """Whether a task of the run stopped the demo and vanished: one that ends takes its job away."""
    return bool((read_document(run.job_file) or {}).get("job", {}).get("restart_demo"))


def _wait_for_memory() -> None:
    """Wait until the demo's memory is free: the driver gives it back a moment after the process is gone."""
    deadline, before = time.monotonic() + _SETTLE_SECONDS, -1
    while (free := free_bytes()) is not None and free != before and time.monotonic() < deadline:
        before = free
        time.sleep(0.5)


def check_data(machine: Machine, path: Path, wanted: TrainOptions, *, trained: bool = True) -> dataset.Report:
    """Check a data set against the options, with the model's tokenizer where it is there.

    `trained` tells data that are trained on from those that answers are compared with.
    """
    return dataset.check(
        path,
        wanted.columns,
        max_source_length=wanted.max_source_length,
        max_target_length=wanted.max_target_length,
        samples_per_step=wanted.samples_per_step if trained else 1,
        count_tokens=tokens.exact_counter(machine.model),
    )


def _raise_together(reports: list[dataset.Report]) -> None:
    errors = []
    for report in reports:
        try:
            report.raise_for_mistakes()
        except GuestError as error:
            errors.append(error)
    if errors:
        hints = dict.fromkeys(error.hint for error in errors if error.hint)
        raise GuestError(joined("\n", (error.message for error in errors)), joined(" ", hints))


def _data_file(report: dataset.Report, name: str | None) -> DataFile:
    return DataFile(name or report.name, report.sha256, report.rows, report.advertisegen)


def _default_name(folder: Path) -> str:
    """The day and a number, such as 1126-1: short enough to be typed, and never taken."""
    day = time.strftime("%m%d", time.gmtime())
    return next(name for number in itertools.count(1) if not (folder / (name := f"{day}-{number}")).exists())
