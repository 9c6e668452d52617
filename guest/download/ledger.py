"""What was downloaded from where, in `state/downloaded.json`: the size of files whose publisher tells none, and which
source to pass over when a step finds its file wrong.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from guest.download.task import Task
from guest.files import read_json, write_json

SCHEMA = 1
FILE = "downloaded.json"


class Ledger:
    """Notes by a file's id. One that is lost, damaged or newer is begun anew, as it only saves work."""

    def __init__(self, root: Path) -> None:
        self._path = root / "state" / FILE
        self._lock = threading.Lock()

    def note(self, task: Task) -> None:
        """Remember a file that got its name just now."""
        with self._lock:
            files = self._read()
            row = {**_row(files, task.id), "bytes": task.done, "sha256": task.sha256}
            if task.source is not None:
                row["source"] = task.source
            files[task.id] = row
            self._write(files)

    def size(self, task: Task) -> int | None:
        """The size that the task's file had when it was whole, in bytes; None where nobody knows."""
        is_same = _row(self._read(), task.id).get("sha256") == task.sha256
        return self.noted_size(task.id) if is_same else None

    def noted_size(self, file: str) -> int | None:
        """The size that a file had when it was last whole, in bytes."""
        known = _row(self._read(), file).get("bytes")
        return known if isinstance(known, int) else None

    def promise(self, task: Task, hub: str) -> None:
        """Remember the hash and size that the Hub has named for the task's file, so that it can be gone on with."""
        with self._lock:
            files = self._read()
            told = {"hub": hub, "hash": task.sha256, "bytes": task.size}
            files[task.id] = {**_row(files, task.id), "promised": told}
            self._write(files)

    def promised(self, task: Task) -> tuple[str, int | None] | None:
        """Hash and size that one of the task's own sources has named; None where none did."""
        told = _row(self._read(), task.id).get("promised")
        if not isinstance(told, dict) or told.get("hub") not in task.urls or not isinstance(told.get("hash"), str):
            return None
        return told["hash"], told["bytes"] if isinstance(told.get("bytes"), int) else None

    def forget_promise(self, file: str) -> None:
        """Nobody gives the file that the Hub named: it is asked anew."""
        with self._lock:
            files = self._read()
            if _row(files, file).get("promised"):
                files[file] = {**_row(files, file), "promised": None}
                self._write(files)

    def reject(self, file: str) -> None:
        """The file proved wrong after it was downloaded: its source is asked last from now on."""
        with self._lock:
            files = self._read()
            row = _row(files, file)
            source = row.pop("source", None)
            row.pop("bytes", None)
            if source is not None:
                row["rejected"] = list(dict.fromkeys([*self.rejected(file), source]))
            files[file] = row
            self._write(files)

    def rejected(self, file: str) -> list[str]:
        """Sources whose copy of the file proved wrong, oldest first."""
        named = _row(self._read(), file).get("rejected")
        return [str(one) for one in named] if isinstance(named, list) else []

    def _read(self) -> dict[str, Any]:
        document = read_json(self._path) or {}
        files = document.get("files")
        return files if document.get("schema") == SCHEMA and isinstance(files, dict) else {}

    def _write(self, files: dict[str, Any]) -> None:
        try:
            write_json(self._path, {"schema": SCHEMA, "files": files})
        except OSError:
            return  # a full disk: the files are there all the same, and are hashed again next time


def _row(files: dict[str, Any], file: str) -> dict[str, Any]:
    row = files.get(file)
    return dict(row) if isinstance(row, dict) else {}
