"""The slowest tests are named from pytest's own report."""

from __future__ import annotations

import re
from pathlib import Path

from bench.suite import RUNS, slowest
from rehearsal.engine import ROOT

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="quick" time="0.2"/><testcase classname="tests.b" name="slow" time="12.34"/>
</testsuite></testsuites>"""


def test_the_slowest_come_first(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT, encoding="utf-8")
    assert slowest(report) == ["12.3 s tests.b.slow", "0.2 s tests.a.quick"]
    assert slowest(report, 1) == ["12.3 s tests.b.slow"]


def test_it_runs_what_the_makefile_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    calls = [re.sub(r"[\"']", "", call).rstrip() for call in re.findall(r"-m pytest -n 2([^\n$]*)", makefile)]
    for options in RUNS.values():
        assert "".join(f" {option}" for option in options) in calls
