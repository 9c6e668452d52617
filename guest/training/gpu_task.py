"""The one task that may use the GPU besides the demo: a training or an evaluation, one at a time.

`<root>/state/training.json` is the lock and says who runs. It holds two processes: the supervisor, and upstream's
program below it. A lock whose processes are gone (the machine was switched off) counts for nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.documents import read_document, write_document
from guest.errors import GuestError
from guest.machine import Machine
from guest.phrases import phrase
from guest.process import Identity

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

HANDOVER_SECONDS = 60.0


@dataclass(frozen=True)
class GpuTask:
    """Who holds the GPU. `token` lets the supervisor take the lock over from the process that started it."""

    kind: str
    run: str
    token: str
    supervisor: Identity
    child: Identity | None = None

    def is_alive(self) -> bool:
        return self.supervisor.is_alive() or (self.child is not None and self.child.is_alive())

    def as_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "run": self.run,
            "token": self.token,
            "supervisor": self.supervisor.as_dict(),
            "child": None if self.child is None else self.child.as_dict(),
        }


def lock_file(machine: Machine) -> Path:
    return machine.state / "training.json"


def current(machine: Machine) -> GpuTask | None:
    """The task that runs now, or None."""
    task = _read(lock_file(machine))
    return task if task is not None and task.is_alive() else None


def claim(machine: Machine, *, kind: str, run: str) -> GpuTask:
    """Take the GPU for this process; raises GuestError when a task has it."""
    task = GpuTask(kind, run, uuid.uuid4().hex, Identity.of(os.getpid()))
    with _alone(machine):
        holder = current(machine)
        if holder is not None:
            what = {"train": "training", "evaluate": phrase("being evaluated")}.get(holder.kind, "being compared")
            raise GuestError(
                phrase("Run {run} is {what}; the GPU holds one task at a time.", run=holder.run, what=what),
                phrase("Wait for it, or stop it first (its checkpoints stay): stop {run}.", run=holder.run),
            )
        write_document(lock_file(machine), task.as_dict())
    return task


@contextlib.contextmanager
def claimed(machine: Machine, *, kind: str, run: str) -> Iterator[GpuTask]:
    """Hold the GPU while a task is prepared and handed over; it is given back when that fails."""
    task = claim(machine, kind=kind, run=run)
    try:
        yield task
    except BaseException:
        release(machine, task.token)
        raise


def take_over(machine: Machine, token: str, child: Identity | None = None) -> GpuTask:
    """Make this process the supervisor of the task with that token; raises GuestError when it is not its lock."""
    with _alone(machine):
        task = _read(lock_file(machine))
        if task is None or task.token != token:
            raise GuestError(phrase("The GPU was given to another task meanwhile."), phrase("Start it again."))
        task = GpuTask(task.kind, task.run, token, Identity.of(os.getpid()), child)
        write_document(lock_file(machine), task.as_dict())
        return task


def wait_for_handover(machine: Machine, claimed: GpuTask, seconds: float = HANDOVER_SECONDS) -> bool:
    """Wait until the supervisor has taken over, or has come and gone already."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        task = _read(lock_file(machine))
        if task is None or task.supervisor != claimed.supervisor:
            return True
        time.sleep(0.02)
    return False


def release(machine: Machine, token: str) -> None:
    """Give the GPU back, if it is still held under that token."""
    with _alone(machine):
        task = _read(lock_file(machine))
        if task is not None and task.token == token:
            lock_file(machine).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(machine: Machine) -> Iterator[None]:
    """Let one process at a time look at the lock and change it; the system frees this when the process dies."""
    machine.state.mkdir(parents=True, exist_ok=True)
    with (machine.state / "training.guard").open("ab") as guard:
        if sys.platform == "win32":
            guard.seek(0)
            msvcrt.locking(guard.fileno(), msvcrt.LK_LOCK, 1)
        else:
            fcntl.flock(guard, fcntl.LOCK_EX)
        yield


def _read(path: Path) -> GpuTask | None:
    document = read_document(path)
    try:
        if document is None:
            return None
        child = document["child"]
        return GpuTask(
            document["kind"],
            document["run"],
            document["token"],
            Identity.from_dict(document["supervisor"]),
            None if child is None else Identity.from_dict(child),
        )
    except (KeyError, TypeError, ValueError):
        return None
