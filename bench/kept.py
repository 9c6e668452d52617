"""Figures of long runs, or of a machine that is not here: kept in `bench/results/` and printed from there.

One JSON file a run: `{"date": "2026-11-26", "commit": "…", "machine": "…", "command": "…", "figures": {"name": 1.5}}`;
beside the figures there may be `notes`, texts by name, for what is no number.
"""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.figure import Figure, Note, NotMeasured

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class LongRun:
    """A run too long for `make bench`, or on hardware that is not at hand. `reason` is told while it has no result."""

    name: str
    figures: tuple[Figure, ...]  # names, units and bars; their values are those of the result
    reason: str

    @property
    def file(self) -> Path:
        return RESULTS / f"{self.name}.json"

    def measure(self) -> Iterator[Figure | NotMeasured | Note]:
        """The kept figures, each with the date, commit and machine of its run; then its notes."""
        if not self.file.exists():
            yield from (NotMeasured(figure.name, self.reason) for figure in self.figures)
            return
        result = json.loads(self.file.read_text(encoding="utf-8"))
        origin = f"kept of {result['date']}, commit {result['commit']}, {result['machine']}"
        for figure in self.figures:
            value = result["figures"].get(figure.name)
            if value is None:
                yield NotMeasured(figure.name, f"the run of {result['date']} did not give it")
            else:
                yield Figure(figure.name, float(value), figure.unit, figure.bar, figure.limit, origin)
        yield from (Note(name, text) for name, texts in result.get("notes", {}).items() for text in texts)


def current_commit() -> str:
    run = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def keep(
    name: str,
    figures: Mapping[str, float],
    command: str,
    machine: str = "",
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Path:
    """Write a run's figures with today's date and the commit; `machine` is this one unless another is named."""
    document: dict[str, object] = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": current_commit(),
        "machine": machine or f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "command": command,
        "figures": dict(figures),
    }
    if notes:
        document["notes"] = {title: list(texts) for title, texts in notes.items()}
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}.json"
    file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return file
