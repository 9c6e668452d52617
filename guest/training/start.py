"""Starts the detached task: checks everything first, claims the GPU, stops the demo, hands over to the supervisor."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.training import dataset, demo, gpu_task, process, runs, tokens
from guest.training import options as training_options
from guest.training.files import write_json
from guest.training.machine import Machine
from guest.training.options import TrainOptions
from guest.training.runs import DataFile, Record, Run
from guest.training.supervise import Job

Options = Mapping[str, Any]

# How often the supervisor looks at the log.
POLL_SECONDS = 1.0


def start_new(machine: Machine, given: Options, wanted: TrainOptions) -> dict[str, Any]:
    path = Path(given["dataset"])
    dev = Path(given["dev"]) if "dev" in given else None
    name = given.get("name") or _default_name(path)
    runs.check_name(name)
    reports = [check_data(machine, one, wanted) for one in (path, dev) if one is not None]
    _raise_together(reports)
    claimed = gpu_task.claim(machine, kind="train", run=name)
    try:
        record = Record(
            name=name,
            options=wanted,
            train=_data_file(reports[0]),
            dev=_data_file(reports[1]) if dev is not None else None,
            created=runs.now(),
            rehearsal=machine.is_rehearsal,
        )
        run = runs.create_run(machine.runs, record)
        dataset.write_clean(path, wanted.columns, run.train_file)
        if dev is not None:
            dataset.write_clean(dev, wanted.columns, run.dev_file)
    except BaseException:
        gpu_task.release(machine, claimed.token)
        raise
    _start_training(machine, claimed, run, wanted, resume_from=None)
    return {
        "run": name,
        "state": runs.RUNNING,
        "resumedFrom": None,
        "rehearsal": record.rehearsal,
        "data": reports[0].as_dict(),
        "dev": reports[1].as_dict() if dev is not None else None,
    }


def resume(machine: Machine, run: Run, changes: Options) -> dict[str, Any]:
    wanted = training_options.change_options(run.record.options, changes)
    claimed = gpu_task.claim(machine, kind="train", run=run.name)
    try:
        checkpoint = run.newest_complete()
        if checkpoint is not None and checkpoint.step >= wanted.max_steps:
            raise GuestError(
                f"Run {run.name} has done its {wanted.max_steps} steps.",
                f"Deploy it, or raise max_steps above {checkpoint.step} to go on.",
            )
        aside = run.set_broken_aside()
        run.update(options=wanted)
    except BaseException:
        gpu_task.release(machine, claimed.token)
        raise
    resume_from = None if checkpoint is None else checkpoint.path
    step = 0 if checkpoint is None else checkpoint.step
    _start_training(machine, claimed, run, wanted, resume_from=resume_from, step=step)
    return {
        "run": run.name,
        "state": runs.RUNNING,
        "resumedFrom": step,
        "rehearsal": machine.is_rehearsal,
        "setAside": aside,
    }


def _start_training(
    machine: Machine,
    claimed: gpu_task.GpuTask,
    run: Run,
    wanted: TrainOptions,
    *,
    resume_from: Path | None,
    step: int = 0,
) -> None:
    try:
        arguments = training_options.train_arguments(
            wanted, model=machine.model, train_file=run.train_file, output=run.output, resume_from=resume_from
        )
        training_options.write_arguments(run.arguments_file, arguments)
        for leftover in (run.stop_file, run.folder / "save"):
            leftover.unlink(missing_ok=True)
        restart = stop_demo(machine)
    except BaseException:
        gpu_task.release(machine, claimed.token)
        raise
    job = describe_job(machine, claimed, run, restart_demo=restart)
    job |= {
        "arguments_file": str(run.arguments_file),
        "log": str(run.log),
        "progress": str(run.progress_file),
        "result": str(run.file),
        "total": wanted.max_steps,
        "resumed_from": step,
    }
    start_job(machine, claimed, run, job)


def describe_job(machine: Machine, claimed: gpu_task.GpuTask, run: Run, *, restart_demo: bool) -> dict[str, Any]:
    return {
        "kind": claimed.kind,
        "token": claimed.token,
        "root": str(machine.root),
        "source": str(machine.source),
        "model": str(machine.model),
        "run": run.name,
        "restart_demo": restart_demo,
        "poll_seconds": POLL_SECONDS,
    }


def start_job(machine: Machine, claimed: gpu_task.GpuTask, run: Run, job: dict[str, Any]) -> None:
    job_file = run.folder / "job.json"
    log = run.folder / "supervisor.log"
    try:
        write_json(job_file, asdict(Job(**job)))
        process.start_detached(
            ["-m", "guest.training.supervise", str(job_file)],
            # The folder that holds the package `guest`, so that the program finds it whatever the current one is.
            directory=Path(__file__).resolve().parents[2],
            log=log,
        )
        if not gpu_task.wait_for_handover(machine, claimed):
            raise GuestError(f"The task for run {run.name} did not start.", f"See {log} on the machine.")
    except BaseException:
        gpu_task.release(machine, claimed.token)
        raise


def stop_demo(machine: Machine) -> bool:
    """Stop the demo, since the GPU does not hold both, and return whether it ran."""
    controlled = demo.control(machine)
    was_running = controlled.is_running()
    if was_running:
        controlled.stop()
    return was_running


def check_data(machine: Machine, path: Path, wanted: TrainOptions) -> dataset.Report:
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
