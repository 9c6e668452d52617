"""Locks on a stack: whose they are, and whether their engine still runs. A killed engine leaves its lock behind."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass

from operate.errors import ExitCode, OperateError
from words import phrase

_LOCK = re.compile(r"created by (?P<user>[^@]*)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<time>\S+)")


@dataclass(frozen=True)
class Lock:
    """One lock, as the engine of a file or object-store backend tells of it."""

    user: str
    host: str
    pid: int
    time: str

    @property
    def here(self) -> bool:
        """Whether it was taken on this computer."""
        return self.host == socket.gethostname()

    @property
    def dead(self) -> bool:
        """Whether the engine that took it is known to run no more: it ran here, and its process is gone."""
        return self.here and not _lives(self.pid)

    def __str__(self) -> str:
        gone = phrase(", which runs no more") if self.dead else ""
        return phrase(
            "{user}@{host} since {time} (process {pid}{gone})",
            user=self.user,
            host=self.host,
            time=self.time,
            pid=self.pid,
            gone=gone,
        )


def find_locks(text: str) -> list[Lock]:
    """The locks of which the engine's complaint tells; none where the backend is a service."""
    return [Lock(found["user"], found["host"], int(found["pid"]), found["time"]) for found in _LOCK.finditer(text)]


class LockedError(OperateError):
    """Another update holds the stack; `locks` are those that are known of it."""

    def __init__(self, message: str, hint: str, locks: list[Lock]) -> None:
        super().__init__(message, hint, ExitCode.REFUSED)
        self.locks = tuple(locks)

    @property
    def dead(self) -> bool:
        """Whether every engine that holds the stack is known to run no more."""
        return bool(self.locks) and all(lock.dead for lock in self.locks)


def locked(locks: list[Lock], stack: str) -> LockedError:
    """A stack that is locked, as one plain message."""
    free = f"chatglm pulumi cancel --stack {stack}"
    by = phrase(" by {locks}", locks=phrase("; ").join(map(str, locks))) if locks else ""
    if locks and all(lock.dead for lock in locks):
        hint = phrase("That update was cut off. Free the stack: {free}, then run the same command again.", free=free)
    else:
        hint = phrase("Wait for it to end. Only if you know that it was cut off: {free}.", free=free)
    return LockedError(phrase("Another update holds the stack{by}.", by=by), hint, locks)


def _lives(pid: int) -> bool:
    if os.name == "nt":
        return True  # asking there would end it (os.kill is TerminateProcess); never call a lock dead without proof
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
