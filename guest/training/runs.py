"""Run folders: everything that belongs to one fine-tuning, kept until a person deletes it.

runs/<name>/run.json       options, data hashes, prefix length, state, one entry per attempt
            data/          clean copies of train.json and dev.json, and hold-out.json with rows that are not trained on
            options.json   upstream's options file of the last attempt
            job.json       the task that runs; one that is here without its processes was interrupted
            launch.json    what is put on upstream's program in the last attempt
            train.log      what upstream printed, all attempts
            events.jsonl   steps and losses of the last attempt, as the trainer's callback told them
            hold-out.json  the losses on the held-out rows, all attempts
            progress.json  the last known progress
            output/        upstream's output: checkpoint-N folders, train_results.json, trainer_state.json
            evaluation/    checkpoint-N/ with predict_results.json and generated_predictions.txt
            broken/        half-written checkpoints, moved aside when the run is resumed
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from guest.documents import require_known, write_document
from guest.errors import GuestError
from guest.phrases import joined, phrase, without_phrases
from guest.training.checkpoints import Checkpoint, damaged_files, list_checkpoints, newest_complete
from guest.training.options import TrainOptions, read_options

# States that stay until somebody acts; "running" is only believed while the process lives (see `process`).
PREPARED, RUNNING, FINISHED, STOPPED, FAILED, INTERRUPTED, UNREADABLE = (
    "prepared",
    "running",
    "finished",
    "stopped",
    "failed",
    "interrupted",
    "unreadable",
)

# No dots (transformers makes package names of folders), nothing that a shell or Windows treats specially.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_RESERVED = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d|base)")


@dataclass(frozen=True)
class DataFile:
    """One data set of a run: the name and hash of what the person gave, and what the check said."""

    name: str
    sha256: str
    rows: int
    advertisegen: bool = False


@dataclass(frozen=True)
class Attempt:
    """One start of upstream's program. Times are ISO 8601 UTC; `step` is the step it went on from."""

    started: str
    step: int = 0
    ended: str | None = None
    exit_code: int | None = None
    reason: str = ""
    checkpointing: bool = True


@dataclass(frozen=True)
class Record:
    """What run.json holds. `keep_going`: the run goes on by itself after the machine was away."""

    name: str
    options: TrainOptions
    train: DataFile
    dev: DataFile | None = None
    created: str = ""
    state: str = PREPARED
    reason: str = ""
    hint: str = ""
    rehearsal: bool = False
    keep_going: bool = True
    attempts: tuple[Attempt, ...] = field(default=())


class Run:
    """A run's folder; `record` is read from run.json each time, since the detached task writes it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.file = folder / "run.json"
        self.train_file = folder / "data" / "train.json"
        self.dev_file = folder / "data" / "dev.json"
        self.hold_out_file = folder / "data" / "hold-out.json"
        self.arguments_file = folder / "options.json"
        self.launch_file = folder / "launch.json"
        self.events_file = folder / "events.jsonl"
        self.hold_out_losses = folder / "hold-out.json"
        self.job_file = folder / "job.json"
        self.log = folder / "train.log"
        self.progress_file = folder / "progress.json"
        self.stop_file = folder / "stop"
        self.save_file = folder / "save"
        self.output = folder / "output"
        self.evaluation = folder / "evaluation"

    @property
    def record(self) -> Record:
        try:
            return record_from_dict(json.loads(self.file.read_text(encoding="utf-8")), self.file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise GuestError(
                phrase("{file} cannot be read: {error}.", file=self.file, error=error),
                phrase("Its checkpoints are untouched; push the run again from a fetched bundle."),
            ) from error

    def save(self, record: Record) -> None:
        write_document(self.file, record_as_dict(record))

    def update(self, **changes: Any) -> Record:
        """Change fields of run.json in one atomic step and return the new record."""
        record = replace(self.record, **changes)
        self.save(record)
        return record

    def checkpoints(self) -> list[Checkpoint]:
        return list_checkpoints(self.output)

    def newest_complete(self) -> Checkpoint | None:
        return newest_complete(self.output)

    def best_step(self) -> int | None:
        """The step at which the loss on the held-out rows was lowest; None where nothing was held out."""
        try:
            losses = json.loads(self.hold_out_losses.read_text(encoding="ascii"))
            return min((float(loss), int(step)) for step, loss in losses if loss == loss)[1]
        except (OSError, ValueError, TypeError):
            return None

    def checkpoint(self, step: int | None) -> Checkpoint:
        """The complete checkpoint of that step, or the best on held-out rows, or the newest.

        Raises GuestError with what there is.
        """
        if step is None:
            best = next((one for one in self.checkpoints() if one.step == self.best_step() and one.complete), None)
            found = best if best is not None and not damaged_files(best.path) else self.newest_complete()
        else:
            found = next((one for one in self.checkpoints() if one.step == step), None)
        there = ", ".join(str(one.step) for one in self.checkpoints() if one.complete) or "none"
        if found is None:
            wanted = phrase("no complete checkpoint") if step is None else phrase("no checkpoint {step}", step=step)
            raise GuestError(
                phrase("Run {name} has {wanted}.", name=self.name, wanted=wanted),
                phrase("Complete checkpoints: {there}.", there=there),
            )
        faults = found.faults or tuple(phrase("{name} is damaged", name=name) for name in damaged_files(found.path))
        if faults:
            raise GuestError(
                phrase(
                    "Checkpoint {step} of run {name} is not complete: {faults}.",
                    step=found.step,
                    name=self.name,
                    faults=joined(", ", faults),
                ),
                phrase("Complete checkpoints: {there}.", there=there),
            )
        return found

    def set_broken_aside(self) -> list[str]:
        """Move incomplete checkpoints out of upstream's way and return their names.

        Upstream deletes the lowest numbers when it holds more than its limit: a broken one with a high number would
        make it delete the good ones that follow.
        """
        moved = []
        for one in self.checkpoints():
            if one.complete and not damaged_files(one.path):
                continue
            target = self.folder / "broken" / f"{one.name}-{time.time_ns()}"
            target.parent.mkdir(exist_ok=True)
            one.path.rename(target)
            moved.append(one.name)
        return moved


def create_run(runs: Path, record: Record) -> Run:
    """Make the folder of a new run; raises GuestError where the name is bad or taken."""
    check_name(record.name)
    folder = runs / record.name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise GuestError(
            phrase("There is a run named {record} already.", record=record.name),
            phrase("Go on with it by resuming {record}, or give the new run another name.", record=record.name),
        ) from None
    run = Run(folder)
    run.save(record)
    return run


def open_run(runs: Path, name: str) -> Run:
    """An existing run; raises GuestError with the names that exist."""
    check_name(name)
    run = Run(runs / name)
    if not run.file.is_file():
        names = ", ".join(one.name for one in list_runs(runs)) or "none"
        raise GuestError(
            phrase("There is no run named {name}.", name=name), phrase("Runs on this machine: {names}.", names=names)
        )
    return run


def list_runs(runs: Path) -> list[Run]:
    """All runs, by name."""
    if not runs.is_dir():
        return []
    return [Run(folder) for folder in sorted(runs.iterdir()) if (folder / "run.json").is_file()]


def check_name(name: Any) -> None:
    """Raise GuestError unless `name` can be a run's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _RESERVED.fullmatch(name):
        raise GuestError(
            phrase("{name} cannot be the name of a run.", name=json.dumps(name, ensure_ascii=False)),
            phrase(
                "Use up to 63 letters, digits, '-' and '_', beginning with a letter or digit; not "
                "'base' and not a name that Windows reserves."
            ),
        )


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def record_as_dict(record: Record) -> dict[str, Any]:
    """run.json's form; the prefix length stands beside the options because serving and evaluation follow it."""
    return {"pre_seq_len": record.options.pre_seq_len, **asdict(record)}


def record_from_dict(document: dict[str, Any], file: PurePath) -> Record:
    """The record in the document of `file`; raises KeyError, TypeError, ValueError or GuestError where it is none."""
    require_known(file, document.get("schema", 1))
    document = without_phrases(document)
    dev = document["dev"]
    return Record(
        name=document["name"],
        options=read_options(document["options"]),
        train=DataFile(**document["train"]),
        dev=None if dev is None else DataFile(**dev),
        created=document["created"],
        state=document["state"],
        reason=document["reason"],
        hint=document["hint"],
        rehearsal=document["rehearsal"],
        # Runs from before it could be asked for: nobody asked.
        keep_going=document.get("keep_going", False),
        attempts=tuple(Attempt(**attempt) for attempt in document["attempts"]),
    )
