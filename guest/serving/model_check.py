"""After a failure that wrong bytes in the model's files explain: their hashes, before they are loaded again.

A finished file is trusted by its name and size, since hashing 13 GB takes minutes; the disk can still give other bytes
than it was given. Who fails because of them leaves a note, and the demo's supervisor has the files compared, and what
is wrong fetched anew (`python -m guest.download --recheck`), before it starts the demo again.
"""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path
from typing import Any

from guest.files import read_json, write_json
from guest.machine import Machine
from guest.phrases import joined, phrase
from guest.process import Identity, kill_tree

_SUSPECT, _CHECKED = "model-suspect.json", "model-checked.json"
_STEP = "model"


class Standing(Enum):
    """How the model's files stand."""

    FINE = "nothing speaks against them"
    CHECKING = "they are being compared with their hashes"
    WRONG = "one is wrong, and could not be fetched anew"


def suspect(machine: Machine, reason: str) -> bool:
    """Note that something failed which wrong files explain; False where these very files were found right since."""
    if read_json(machine.state / _CHECKED) == _stamps(machine):
        return False
    write_json(machine.state / _SUSPECT, {"reason": reason})
    return True


class ModelCheck:
    """The comparison, in a process of its own; `look` is asked again and again."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._process: subprocess.Popen[bytes] | None = None
        self.reason = ""

    def look(self) -> Standing:
        """Begin what is due and tell how it stands."""
        suspected = read_json(self._machine.state / _SUSPECT)
        if suspected is None:
            return Standing.FINE
        self.reason = suspected.get("reason") or ""
        if self._process is None:
            self._process = self._begin()
            return Standing.CHECKING
        code = self._process.poll()
        if code is None:
            return Standing.CHECKING
        self._process = None
        if code:
            return Standing.WRONG
        write_json(self._machine.state / _CHECKED, _stamps(self._machine))
        (self._machine.state / _SUSPECT).unlink(missing_ok=True)
        return Standing.FINE

    def end(self) -> None:
        """End what is under way; the note stays, and the next `look` begins again."""
        if self._process is not None:
            kill_tree(Identity.of(self._process.pid))
            self._process.wait()
            self._process = None

    def trouble(self) -> str:
        """Why a wrong file could not be fetched, by the downloader's own word."""
        files = (read_json(self._machine.state / "downloads.json") or {}).get("files") or []
        told = next((file for file in files if file.get("state") == "failed"), None)
        if told is None:
            return phrase("The downloader did not end well; its log is recheck.log.")
        return joined(". ", filter(None, (told["error"], told.get("hint"))))

    def _begin(self) -> subprocess.Popen[bytes]:
        log = self._machine.root / "logs" / "recheck.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "guest.download", str(self._machine.root), "--recheck", _STEP],
                cwd=Path(__file__).resolve().parents[2],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _stamps(machine: Machine) -> dict[str, Any]:
    """Size and time of each of the model's files, by which a later change is seen."""
    rows = (read_json(machine.root / "manifest.json") or {}).get("files") or []
    stamps = {}
    for row in rows:
        path = machine.model / str(row.get("id"))
        if row.get("step") == _STEP and path.is_file():
            told = path.stat()
            stamps[path.name] = [told.st_size, told.st_mtime_ns]
    return {"schema": 1, "files": stamps}
