"""Run folders: everything that belongs to one fine-tuning, kept until a person deletes it.

runs/<name>/run.json       options, data hashes, prefix length, state, one entry per attempt
            data/          clean copies of train.json and dev.json
            options.json   upstream's options file of the last attempt
            train.log      what upstream printed, all attempts
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
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.training.checkpoints import Checkpoint, damaged_files, list_checkpoints, newest_complete
from guest.training.files import write_json
from guest.training.options import TrainOptions, read_options

SCHEMA = 1
# States that stay until somebody acts; "running" is only believed while the process lives (see `process`).
PREPARED, RUNNING, FINISHED, STOPPED, FAILED, INTERRUPTED = (
    "prepared",
    "running",
    "finished",
    "stopped",
    "failed",
    "interrupted",
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


@dataclass(frozen=True)
class Record:
    """What run.json holds."""

    name: str
    options: TrainOptions
    train: DataFile
    dev: DataFile | None = None
    created: str = ""
    state: str = PREPARED
    reason: str = ""
    hint: str = ""
    rehearsal: bool = False
    attempts: tuple[Attempt, ...] = field(default=())


class Run:
    """A run's folder; `record` is read from run.json each time, since the detached task writes it too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.file = folder / "run.json"
        self.train_file = folder / "data" / "train.json"
        self.dev_file = folder / "data" / "dev.json"
        self.arguments_file = folder / "options.json"
        self.log = folder / "train.log"
        self.progress_file = folder / "progress.json"
        self.stop_file = folder / "stop"
        self.save_file = folder / "save"
        self.output = folder / "output"
        self.evaluation = folder / "evaluation"

    @property
    def record(self) -> Record:
        try:
            return record_from_dict(json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GuestError(
                f"{self.file} cannot be read: {error}.",
                "Its checkpoints are untouched; push the run again from a fetched bundle.",
            ) from error

    def save(self, record: Record) -> None:
        write_json(self.file, record_as_dict(record))

    def update(self, **changes: Any) -> Record:
        """Change fields of run.json in one atomic step and return the new record."""
        record = replace(self.record, **changes)
        self.save(record)
        return record

    def checkpoints(self) -> list[Checkpoint]:
        return list_checkpoints(self.output)

    def newest_complete(self) -> Checkpoint | None:
        return newest_complete(self.output)

    def checkpoint(self, step: int | None) -> Checkpoint:
        """The complete checkpoint of that step, or the newest; raises GuestError with what there is."""
        if step is None:
            found = self.newest_complete()
        else:
            found = next((one for one in self.checkpoints() if one.step == step), None)
        there = ", ".join(str(one.step) for one in self.checkpoints() if one.complete) or "none"
        if found is None:
            wanted = "no complete checkpoint" if step is None else f"no checkpoint {step}"
            raise GuestError(f"Run {self.name} has {wanted}.", f"Complete checkpoints: {there}.")
        faults = found.faults or tuple(f"{name} is damaged" for name in damaged_files(found.path))
        if faults:
            raise GuestError(
                f"Checkpoint {found.step} of run {self.name} is not complete: {', '.join(faults)}.",
                f"Complete checkpoints: {there}.",
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
            f"There is a run named {record.name} already.",
            f"Go on with it by resuming {record.name}, or give the new run another name.",
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
        raise GuestError(f"There is no run named {name}.", f"Runs on this machine: {names}.")
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
            f"{json.dumps(name, ensure_ascii=False)} cannot be the name of a run.",
            "Use up to 63 letters, digits, '-' and '_', beginning with a letter or digit; not 'base' and not a name "
            "that Windows reserves.",
        )


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def record_as_dict(record: Record) -> dict[str, Any]:
    """run.json's form; the prefix length stands beside the options because serving and evaluation follow it."""
    return {"schema": SCHEMA, "pre_seq_len": record.options.pre_seq_len, **asdict(record)}


def record_from_dict(document: dict[str, Any]) -> Record:
    """The record in a run.json's document; raises KeyError, TypeError, ValueError or GuestError where it is not one."""
    if document.get("schema") != SCHEMA:
        raise ValueError(f"it has schema {document.get('schema')}, this program knows {SCHEMA}")
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
        attempts=tuple(Attempt(**attempt) for attempt in document["attempts"]),
    )
