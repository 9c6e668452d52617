"""Starts the detached task: checks everything first, claims the GPU, stops the demo, hands over to the supervisor."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.training import dataset, demo, gpu_task, process, runs, tokens
from guest.training import options as training_options
from guest.training.checkpoints import Checkpoint
from guest.training.evaluate import Evaluation
from guest.training.files import write_json
from guest.training.machine import Machine
from guest.training.options import TrainOptions
from guest.training.runs import DataFile, Record, Run
from guest.training.supervise import Job

Options = Mapping[str, Any]

# How often the supervisor looks at the log.
POLL_SECONDS = 1.0


def start_new(machine: Machine, given: Options, wanted: TrainOptions) -> dict[str, Any]:
    """Check the data, make the run's folder and start training."""
    path = Path(given["dataset"])
    dev = Path(given["dev"]) if "dev" in given else None
    name = given.get("name") or _default_name(path)
    runs.check_name(name)
    reports = [check_data(machine, one, wanted) for one in (path, dev) if one is not None]
    _raise_together(reports)
    record = Record(
        name=name,
        options=wanted,
        train=_data_file(reports[0]),
        dev=_data_file(reports[1]) if dev is not None else None,
        created=runs.now(),
        rehearsal=machine.is_rehearsal,
    )
    with gpu_task.claimed(machine, kind="train", run=name) as claimed:
        run = runs.create_run(machine.runs, record)
        dataset.write_clean(path, wanted.columns, run.train_file)
        if dev is not None:
            dataset.write_clean(dev, wanted.columns, run.dev_file)
        _start_training(machine, claimed, run, wanted, checkpoint=None)
    return {
        "run": name,
        "state": runs.RUNNING,
        "resumedFrom": None,
        "rehearsal": record.rehearsal,
        "data": reports[0].as_dict(),
        "dev": reports[1].as_dict() if dev is not None else None,
    }


def resume(machine: Machine, run: Run, changes: Options) -> dict[str, Any]:
    """Go on with a run from its newest complete checkpoint, or from the beginning where it has none."""
    require_same_upstream(machine, run)
    wanted = training_options.change_options(run.record.options, changes)
    with gpu_task.claimed(machine, kind="train", run=run.name) as claimed:
        checkpoint = run.newest_complete()
        # A machine that vanished after the last checkpoint still owes the metrics.
        owes_metrics = run.record.state != runs.FINISHED
        if checkpoint is not None and checkpoint.step >= wanted.max_steps and not owes_metrics:
            raise GuestError(
                f"Run {run.name} has done its {wanted.max_steps} steps.",
                f"Deploy it, or raise max_steps above {checkpoint.step} to go on.",
            )
        aside = run.set_broken_aside()
        run.update(options=wanted)
        _start_training(machine, claimed, run, wanted, checkpoint=checkpoint)
    return {
        "run": run.name,
        "state": runs.RUNNING,
        "resumedFrom": 0 if checkpoint is None else checkpoint.step,
        "rehearsal": machine.is_rehearsal,
        "setAside": aside,
    }


def _start_training(
    machine: Machine, claimed: gpu_task.GpuTask, run: Run, wanted: TrainOptions, *, checkpoint: Checkpoint | None
) -> None:
    arguments = training_options.train_arguments(
        wanted,
        model=machine.model,
        train_file=run.train_file,
        output=run.output,
        resume_from=None if checkpoint is None else checkpoint.path,
    )
    training_options.write_arguments(run.arguments_file, arguments)
    run.save_file.unlink(missing_ok=True)
    start_job(
        machine,
        run,
        Job(
            **_common(machine, claimed),
            arguments_file=str(run.arguments_file),
            log=str(run.log),
            progress=str(run.progress_file),
            result=str(run.file),
            total=wanted.max_steps,
            resumed_from=0 if checkpoint is None else checkpoint.step,
        ),
        claimed,
    )


def require_same_upstream(machine: Machine, run: Run) -> None:
    """Raise GuestError for a run of the rehearsal on a machine with a real model, and the other way round."""
    rehearsed = run.record.rehearsal
    if rehearsed != machine.is_rehearsal:
        raise GuestError(
            f"Run {run.name} was made by {'a rehearsal' if rehearsed else 'the real model'}; this machine has "
            f"{'the real model' if rehearsed else 'a rehearsal'}.",
            "Their checkpoints have nothing in common; CHATGLM_SOURCE decides which of them a machine is.",
        )


def start_evaluation(machine: Machine, run: Run, checkpoint: Checkpoint, samples: int | None) -> None:
    """Start predicting on the run's dev set; what an earlier evaluation of the checkpoint wrote is replaced."""
    require_same_upstream(machine, run)
    files = Evaluation(run, checkpoint.name)
    arguments = training_options.predict_arguments(
        run.record.options,
        model=machine.model,
        test_file=run.dev_file,
        output=files.folder,
        checkpoint=checkpoint.path,
        samples=samples,
    )
    with gpu_task.claimed(machine, kind="evaluate", run=run.name) as claimed:
        for old in (files.metrics, files.predictions, files.progress):
            old.unlink(missing_ok=True)
        training_options.write_arguments(files.arguments_file, arguments)
        start_job(
            machine,
            run,
            Job(
                **_common(machine, claimed),
                arguments_file=str(files.arguments_file),
                log=str(files.log),
                progress=str(files.progress),
                result=str(files.result),
            ),
            claimed,
        )


def start_job(machine: Machine, run: Run, job: Job, claimed: gpu_task.GpuTask) -> None:
    """Stop the demo, start the supervisor, and return when it has taken over."""
    job_file, log = run.folder / "job.json", run.folder / "supervisor.log"
    run.stop_file.unlink(missing_ok=True)
    restart_demo = _stop_demo(machine)
    write_json(job_file, asdict(replace(job, restart_demo=restart_demo)))
    process.start_detached(
        ["-m", "guest.training.supervise", str(job_file)],
        # The folder that holds the package `guest`, so that the program finds it whatever the current one is.
        directory=Path(__file__).resolve().parents[2],
        log=log,
    )
    if not gpu_task.wait_for_handover(machine, claimed):
        raise GuestError(f"The task for run {run.name} did not start.", f"See {log} on the machine.")


def _common(machine: Machine, claimed: gpu_task.GpuTask) -> dict[str, Any]:
    return {
        "kind": claimed.kind,
        "token": claimed.token,
        "root": str(machine.root),
        "source": str(machine.source),
        "model": str(machine.model),
        "run": claimed.run,
        "poll_seconds": POLL_SECONDS,
    }


def _stop_demo(machine: Machine) -> bool:
    """Stop the demo, since the GPU does not hold both, and return whether it ran."""
    controlled = demo.control(machine)
    was_running = controlled.is_running()
    if was_running:
        controlled.stop()
    return was_running


def check_data(machine: Machine, path: Path, wanted: TrainOptions) -> dataset.Report:
    """Check a data set against the options, with the model's tokenizer where it is there."""
    return dataset.check(
        path,
        wanted.columns,
        max_source_length=wanted.max_source_length,
        max_target_length=wanted.max_target_length,
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
        raise GuestError("\n".join(error.message for error in errors), " ".join(hints))


def _data_file(report: dataset.Report) -> DataFile:
    return DataFile(report.name, report.sha256, report.rows, report.advertisegen)


def _default_name(path: Path) -> str:
    stem = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:40] or "run"
    return f"{stem}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
