"""What runs inside a machine: the cloud starts and stops it here, and knows nothing else about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from localcloud.clock import Clock


@dataclass(frozen=True)
class GuestMachine:
    """What a guest needs to play a machine.

    `disk` is the folder that stands for drive C:; `address` is the machine's own loopback address (empty when it
    has no public address); `user_data` is decoded; `clock` gives cloud time and how long waits last in reality.
    """

    instance_id: str
    address: str
    disk: Path
    hostname: str
    username: str
    password: str
    user_data: bytes
    clock: Clock
    metadata_url: str

    @property
    def api_url(self) -> str:
        """Where the machine reaches the cloud's API, whichever service's name it gives as the host."""
        return self.metadata_url.rpartition("/metadata/")[0]


@dataclass(frozen=True)
class Command:
    """What the automation agent of a machine is asked to run: a PowerShell script, and its limit in real seconds."""

    script: bytes
    timeout: float


@dataclass(frozen=True)
class CommandOutcome:
    """How a command ended. `exit_code` None: it was still running at its limit and was ended."""

    exit_code: int | None
    output: bytes


class GuestRuntime(Protocol):
    """Plays the machines. No method may block: what takes time goes on in the background."""

    def launch(self, machine: GuestMachine) -> None:
        """Power the machine on. Called again for the same id after a stop, and after a restart of the cloud."""

    def stop(self, instance_id: str) -> None:
        """Power the machine off: stop, forced power off, reclaim, release. An unknown id is no error."""

    def is_running(self, instance_id: str) -> bool:
        """False once nothing of the machine runs any more; only then is its disk folder copied or removed."""

    def is_ready(self, instance_id: str) -> bool:
        """Whether the machine has finished what its user data told it to do."""

    def run_command(self, instance_id: str, command: Command, done: Callable[[CommandOutcome], None]) -> str:
        """Let the machine's agent run a command in the background and hear of its end; a reason where it cannot."""

    def close(self) -> None:
        """Power all machines off and wait for it: the cloud's process ends."""


class NoGuests:
    """Machines without anything inside: they have states, addresses and a disk folder, and answer nothing."""

    def launch(self, machine: GuestMachine) -> None:
        pass

    def stop(self, instance_id: str) -> None:
        pass

    def is_running(self, instance_id: str) -> bool:  # noqa: ARG002
        return False

    def is_ready(self, instance_id: str) -> bool:  # noqa: ARG002
        return True

    def run_command(self, instance_id: str, command: Command, done: Callable[[CommandOutcome], None]) -> str:  # noqa: ARG002
        return "Nothing runs inside the machines of this local cloud (--no-guests)."

    def close(self) -> None:
        pass
