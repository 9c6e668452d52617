"""How far a whole sweep has come: kept for each commit, so that a run that was cut off goes on where it was."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from rehearsal.engine import ROOT
from tests.commits import described_commit
from tests.sweep.case import Outcome
from tests.sweep.faults import Case
from tests.sweep.sweep import Recording, recorded

FOLDER = ROOT / ".local" / "sweep"


class Progress:
    """The recorded life of a commit and the outcomes so far, in a folder of its own; those of other commits go."""

    def __init__(self, folder: Path = FOLDER, commit: str = "") -> None:
        self._folder = folder / (commit or described_commit())
        self._outcomes = self._folder / "outcomes.jsonl"
        for other in folder.glob("*"):
            if other != self._folder:
                shutil.rmtree(other)

    def recording(self) -> Recording:
        """The life, lived now where it was not yet. Raises RuntimeError as `record`."""
        return recorded(self._folder, awaited=True)

    def outcomes(self) -> list[Outcome]:
        """What the cases showed so far; a line that was cut off is passed over, and its case run again."""
        if not self._outcomes.exists():
            return []
        found = []
        for line in self._outcomes.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            found.append(Outcome(**{**row, "case": Case(**row["case"])}))
        return found

    def add(self, outcome: Outcome) -> None:
        with self._outcomes.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
