"""The part of a file that has arrived, on the disk: what is hashed in the end is what lies there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from guest.download.limits import SourceError
from guest.download.task import CHECKING, Task
from guest.files import file_git_hash, file_sha256, move
from guest.phrases import phrase

#: Who gave what was there before this program began.
EARLIER = "an earlier run"
_GIT_DIGITS = 40


class Part:
    """`PATH.part` of a task. `givers` are the sources whose bytes are in it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.path = task.part
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()
        self.givers: set[str] = set()
        # Each source must give the whole file: nobody could tell a mixture, or one has turned out wrong.
        self.alone = not task.sha256
        if self.measure():
            self.givers.add(EARLIER)
        if task.done > task.ceiling or self.alone:
            self.clear()

    def measure(self) -> int:
        """How much is there, by the disk's own word."""
        self.task.done = self.path.stat().st_size
        return self.task.done

    def clear(self) -> None:
        self.path.write_bytes(b"")
        self.givers = set()
        self.task.done = 0

    @contextmanager
    def appending(self) -> Iterator[Appender]:
        """Add to what is there."""
        with self.path.open("r+b", buffering=0) as out:
            out.seek(self.task.done)
            yield Appender(self.task, out)

    def is_right(self) -> bool:
        """Whether what lies on the disk is the whole file, as far as its publisher lets anybody tell."""
        task = self.task
        if not task.is_known_size(self.measure()):
            return False
        if not task.sha256:
            return True
        task.state = CHECKING
        digest = file_sha256 if len(task.sha256) != _GIT_DIGITS else file_git_hash
        return digest(self.path) == task.sha256

    def place(self) -> None:
        """Give the file its name. Raises OSError when the system refuses it for long."""
        with self.path.open("r+b") as file:
            # Before the rename: else a power cut leaves the name, and nothing or zeros in it.
            os.fsync(file.fileno())
        move(self.path, self.task.path)


class Appender:
    """Writes at the end of a part that nobody else writes to."""

    def __init__(self, task: Task, out: IO[bytes]) -> None:
        self._task, self._out = task, out

    def write(self, block: bytes) -> None:
        """Raises SourceError when another program has written meanwhile."""
        if os.fstat(self._out.fileno()).st_size != self._task.done:
            raise SourceError(phrase("another program writes to {part}", part=self._task.part.name))
        self._out.write(block)
        self._task.done += len(block)
