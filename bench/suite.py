"""`python -m bench.suite`: how long the tests take, whole and in everyday use, and which of them are the slowest.

Two quiet cores are assumed: on a busy computer the seconds are an upper bound, and the load is told.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

from bench.figure import Figure
from bench.kept import keep
from bench.long_runs import SUITE
from rehearsal.engine import ROOT

#: As the Makefile's targets call pytest.
RUNS = {"suite_seconds": (), "suite_fast_seconds": ("-m", "not e2e and not slow")}
_SLOWEST = 10


def main() -> int:
    """Run both and keep the figures. Ends with 1, and keeps nothing, when a test fails."""
    figures, notes = [], {}
    for figure in SUITE.figures:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            started = time.monotonic()
            command = [sys.executable, "-m", "pytest", "-n", "2", "--junitxml", str(report), *RUNS[figure.name]]
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                return 1
            figures.append(replace(figure, value=time.monotonic() - started))
            notes[f"{figure.name} slowest"] = slowest(report)
    for told in figures:
        print(told)
    keep(SUITE.name, _values(figures), "python -m bench.suite", notes=notes)
    return 0


def _values(figures: list[Figure]) -> dict[str, float]:
    values = {figure.name: round(figure.value, 1) for figure in figures}
    return values | {"suite_load": round(os.getloadavg()[2], 1)}


def slowest(report: Path, count: int = _SLOWEST) -> list[str]:
    """The slowest tests of a JUnit report, with their seconds, set-up and all."""
    cases = ET.parse(report).iter("testcase")  # noqa: S314 - pytest's own report
    taken = sorted(((float(case.get("time", 0)), case) for case in cases), key=lambda pair: -pair[0])
    return [f"{seconds:.1f} s {case.get('classname')}.{case.get('name')}" for seconds, case in taken[:count]]


if __name__ == "__main__":
    raise SystemExit(main())
