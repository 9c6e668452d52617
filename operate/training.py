"""Fine-tuning from the operator's side: check here, send, start, follow, evaluate, deploy, fetch and push."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn

from guest.errors import GuestError
from guest.files import file_sha256
from guest.training import dataset
from guest.training.dataset import Report
from guest.training.options import TrainOptions, read_options
from guest.training.runs import check_name
from operate.channel import Channel
from operate.errors import ExitCode, OperateError, from_guest
from operate.output import Output
from operate.training_words import progress_words
from operate.transfer import fetch_file, send_dataset, send_file
from words import heard, phrase, worded

POLL_SECONDS = 2.0
#: The demo loads 13 GB before it answers.
DEPLOY_SECONDS = 1200.0
#: A checkpoint of some 350 MB is hashed and packed on the machine.
PACK_SECONDS = 900.0


@dataclass(frozen=True)
class TrainRequest:
    """What the person asked for. `options` has upstream's names and only what was given."""

    dataset: Path | None = None
    dev: Path | None = None
    name: str | None = None
    resume: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_going: bool | None = None


def check_here(request: TrainRequest) -> list[Report]:
    """Check options, name and data here, before anything is sent. Raises one OperateError with every mistake."""
    problems: list[GuestError] = []
    options = TrainOptions()
    try:
        if request.name is not None:
            check_name(request.name)
    except GuestError as error:
        problems.append(error)
    try:
        options = read_options(request.options)
    except GuestError as error:
        problems.append(error)
    reports = []
    for path in (request.dataset, request.dev):
        if path is None:
            continue
        try:
            report = dataset.check(
                path,
                options.columns,
                max_source_length=options.max_source_length,
                max_target_length=options.max_target_length,
                samples_per_step=options.samples_per_step if path is request.dataset else 1,
            )
            reports.append(report)
            report.raise_for_mistakes()
        except GuestError as error:
            problems.append(error)
    if problems:
        hints = dict.fromkeys(error.hint for error in problems if error.hint)
        raise OperateError(
            "\n".join(worded(error.message) for error in problems), " ".join(map(worded, hints)), ExitCode.BAD_INPUT
        )
    return reports


def start(channel: Channel, request: TrainRequest, output: Output) -> dict[str, Any]:
    """Send what is needed and start the detached task; returns the machine's answer at once."""
    if request.resume is not None:
        again: dict[str, Any] = {"resume": request.resume, "options": dict(request.options)}
        if request.keep_going is not None:
            again["keepGoing"] = request.keep_going
        return channel.ask("train", again, seconds=300)
    if request.dataset is None:
        raise OperateError(
            phrase("train needs a data set, or --resume RUN."), "chatglm train DATASET", ExitCode.BAD_INPUT
        )
    ask: dict[str, Any] = {"dataset": send_dataset(channel, request.dataset, output), "options": dict(request.options)}
    ask["dataName"] = request.dataset.name
    if request.dev is not None:
        ask["dev"] = send_dataset(channel, request.dev, output)
        ask["devName"] = request.dev.name
    if request.name is not None:
        ask["name"] = request.name
    if request.keep_going is not None:
        ask["keepGoing"] = request.keep_going
    return channel.ask("train", ask, seconds=600)


class Keeper:
    """Fetches each new complete checkpoint of a run, so that a reclaim costs at most one save interval."""

    def __init__(self, channel: Channel, run: str, folder: Path, output: Output) -> None:
        self._channel = channel
        self._run = run
        self._folder = folder
        self._output = output
        self.kept: int | None = None

    def see(self, newest: int | None) -> None:
        """Fetch the checkpoint of step `newest` if it is not here yet. The data stay out: they came from here."""
        if newest is None or newest == self.kept:
            return
        try:
            fetched = fetch(self._channel, self._run, self._folder, self._output, data=self.kept is None)
        except OperateError as error:
            # The next checkpoint comes soon; a training must not be given up for one fetch.
            self._output.say(
                phrase("Checkpoint {newest} was not fetched: {message}", newest=newest, message=error.message), "yellow"
            )
            return
        self.kept = fetched["step"]
        self._output.say(phrase("Kept checkpoint {kept} in {file}.", kept=self.kept, file=fetched["file"]))


def follow(
    channel: Channel,
    run: str,
    output: Output,
    *,
    keeper: Keeper | None = None,
    patience_seconds: float = 300,
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Show progress until the task has ended, and return the last answer. Ctrl-C leaves the task alone.

    A line that breaks is borne for `patience_seconds`, a machine that the cloud knows to be gone not at all.
    """
    lost: float | None = None
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        console=output.progress,
    ) as bar:
        task = bar.add_task(run, total=None, words="")
        while True:
            try:
                answer = channel.ask("progress", {"run": run})
            except OperateError as error:
                lost = time.monotonic() if lost is None else lost
                if error.code is not ExitCode.NO_CONNECTION or time.monotonic() - lost >= patience_seconds:
                    raise
                bar.update(task, words=phrase("the machine does not answer; trying again"))
                wait(POLL_SECONDS)
                continue
            lost = None
            told = answer.get("progress") or {}
            bar.update(task, total=told.get("total"), completed=told.get("step") or 0, words=progress_words(told))
            if keeper is not None:
                keeper.see(answer.get("newestCheckpoint"))
            if answer.get("running") != run:
                return answer
            wait(POLL_SECONDS)


def conclude(answer: Mapping[str, Any]) -> None:
    """Raise OperateError for a run that did not end well, with the reason and what to try."""
    if answer.get("state") in ("failed", "interrupted"):
        reason = heard(answer, "reason") or phrase("the machine went away while it ran")
        hint = heard(answer, "hint") or phrase("Go on with it: chatglm train --resume {run}.", run=answer.get("run"))
        raise OperateError(
            phrase("Run {run} {state}: {reason}", run=answer.get("run"), state=phrase(answer["state"]), reason=reason),
            hint,
        )


def fetch(
    channel: Channel, run: str, folder: Path, output: Output, *, checkpoint: int | None = None, data: bool = True
) -> dict[str, Any]:
    """Fetch a run's bundle (newest complete checkpoint, options, metrics, log) into `folder`."""
    ask: dict[str, Any] = {"run": run, "data": data}
    if checkpoint is not None:
        ask["checkpoint"] = checkpoint
    packed = channel.ask("pack", ask, seconds=PACK_SECONDS)
    target = bundle_file(folder, run)
    with_data = target.with_suffix(".data.zip")
    if target.is_file() and not data and not with_data.exists():
        # Later bundles leave the data out; the one that has them stays beside, for a machine that lost everything.
        target.replace(with_data)
    fetch_file(channel, packed["path"], target, packed["bytes"], packed["sha256"], output)
    if data:
        with_data.unlink(missing_ok=True)
    channel.ask("discard", {"path": packed["path"]})
    return {"run": run, "step": packed["step"], "bytes": packed["bytes"], "file": str(target)}


def push(channel: Channel, run: str, folder: Path, output: Output) -> dict[str, Any]:
    """Bring a fetched run back to the machine. What the machine has already is kept."""
    target = bundle_file(folder, run)
    files = [one for one in (target.with_suffix(".data.zip"), target) if one.is_file()]
    if not files:
        raise OperateError(
            phrase("There is no fetched run {run} in {folder}.", run=run, folder=folder),
            phrase("It would be {target}; see --folder.", target=target),
            ExitCode.BAD_INPUT,
        )
    if any(one["run"] == run for one in channel.ask("runs")["runs"]):
        files = files[-1:]  # a machine that has the run has its data
    answer: dict[str, Any] = {}
    for file in files:
        remote = send_file(channel, file, output)
        answer = channel.ask("unpack", {"path": remote, "sha256": file_sha256(file)}, seconds=PACK_SECONDS)
        channel.ask("discard", {"path": remote})
    return answer


def bundle_file(folder: Path, run: str) -> Path:
    """Where a run's bundle lies on this computer. Raises OperateError for a name that cannot be a run's."""
    try:
        check_name(run)
    except GuestError as error:
        raise from_guest(error) from None
    return folder / f"{run}.zip"


def evaluate(
    channel: Channel,
    run: str,
    folder: Path,
    output: Output,
    *,
    checkpoint: int | None = None,
    samples: int | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Predict on the dev set, wait for the scores, fetch the predictions."""
    ask = {"run": run, "checkpoint": checkpoint, "samples": samples}
    started = channel.ask("evaluate", {key: value for key, value in ask.items() if value is not None}, seconds=300)
    follow(channel, run, output, wait=wait)
    step = int(str(started["checkpoint"]).rpartition("-")[2])
    outcomes = channel.ask("evaluation", {"run": run, "checkpoint": step})["evaluations"]
    outcome: dict[str, Any] = outcomes[-1]
    if outcome["state"] != "finished":
        reason = heard(outcome, "reason") or phrase("it was interrupted")
        raise OperateError(
            phrase("The evaluation of {run} {state}: {reason}", run=run, state=phrase(outcome["state"]), reason=reason),
            heard(outcome, "hint"),
        )
    if outcome.get("predictions"):
        about = channel.ask("file", {"path": outcome["predictions"]})
        target = folder / f"{run}-{started['checkpoint']}-predictions.jsonl"
        fetch_file(channel, about["path"], target, about["bytes"], about["sha256"], output)
        outcome = {**outcome, "predictionsHere": str(target)}
    return outcome


def compare(
    channel: Channel,
    run: str,
    output: Output,
    *,
    checkpoint: int | None = None,
    questions: list[str] | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Ask base and tuned model the same, wait for the answers, return them side by side."""
    ask = {"run": run, "checkpoint": checkpoint, "questions": questions or None}
    channel.ask("compare", {key: value for key, value in ask.items() if value is not None}, seconds=300)
    follow(channel, run, output, wait=wait)
    told = channel.ask("comparison", {"run": run})
    if told["state"] != "finished":
        reason = heard(told, "reason") or phrase("it was interrupted")
        raise OperateError(
            phrase("The comparison of {run} {state}: {reason}", run=run, state=phrase(told["state"]), reason=reason),
            heard(told, "hint"),
        )
    return told


def deploy(channel: Channel, run: str, checkpoint: int | None) -> dict[str, Any]:
    """Switch the demo to a run or to the base model, and wait until it answers."""
    ask: dict[str, Any] = {"run": run} if checkpoint is None else {"run": run, "checkpoint": checkpoint}
    return channel.ask("deploy", ask, seconds=DEPLOY_SECONDS)
