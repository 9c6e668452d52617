"""One file to fetch, how far it is, and how that is told to readers."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from guest.files import write_json
from guest.phrases import phrase

WAITING, RUNNING, CHECKING, DONE, FAILED = "waiting", "running", "checking", "done", "failed"


@dataclass
class Task:
    """`size` is exact where it is known, `estimate` is not; both in bytes. `source` gave the whole file.

    `by_hub`: no hash is published, and the one counts that the Hub names, in `sha256` once it is known: that, or for a
    file that lies in git itself, git's own of 40 digits.
    """

    id: str
    step: str
    path: Path
    urls: list[str]
    sha256: str | None
    size: int | None
    estimate: int
    state: str = WAITING
    done: int = 0
    attempt: int = 0
    error: str | None = None
    hint: str = ""
    source: str | None = None
    by_hub: bool = False

    @property
    def part(self) -> Path:
        """Where it arrives."""
        return self.path.with_name(self.path.name + ".part")

    @property
    def total(self) -> int:
        return self.size or max(self.estimate, self.done)

    @property
    def ceiling(self) -> int:
        """More bytes than this file can have."""
        return self.size or max(4 * self.estimate, 1 << 26)

    def is_known_size(self, size: int) -> bool:
        """Whether a file of so many bytes can be this one; an error page is small, and an estimate is rough."""
        return size == self.size if self.size is not None else size > 0 and size >= self.estimate // 10

    def report(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "step": self.step,
            "state": self.state,
            "bytes": self.done,
            "totalBytes": self.total,
            "attempt": self.attempt,
            "error": self.error,
            "hint": self.hint,
        }


class Report:
    """Writes how far all files are to a JSON file, once a second and at the end; changes go to the output as lines."""

    def __init__(self, path: Path, tasks: Sequence[Task]) -> None:
        self.path, self.tasks = path, tasks
        self._told: dict[str, tuple[str, str | None]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Report:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.write()

    def _run(self) -> None:
        self.write()
        while not self._ended.wait(1):
            self.write()

    def write(self) -> None:
        """Never raises: a full disk must not end the downloads that wait for room on it."""
        for task in self.tasks:
            now = (task.state, task.error)
            if self._told.get(task.id) != now:
                self._told[task.id] = now
                clock = time.strftime("%Y-%m-%dT%H:%M:%S")
                _say(sys.stdout, f"{clock} {task.step} {task.id}: {task.state} {task.error or ''}".rstrip())
        try:
            write_json(self.path, {"schema": 1, "files": [task.report() for task in self.tasks]})
        except OSError as error:
            _say(sys.stderr, phrase("{path} cannot be written: {error}", path=self.path, error=error))


def _say(stream: TextIO, line: str) -> None:
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except (OSError, ValueError):
        return  # the log is on the same disk
