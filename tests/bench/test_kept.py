"""Figures of long runs: kept with their origin, printed from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import kept
from bench.figure import Figure
from bench.kept import LongRun, keep

RUN = LongRun("sweep", (Figure("sweep_broken", 0, "cases", 0),), "run make test-sweep (over an hour)")


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "RESULTS", tmp_path)
    return tmp_path


def test_a_run_without_a_result_says_why() -> None:
    assert [str(figure) for figure in RUN.measure()] == [
        "sweep_broken not measured: run make test-sweep (over an hour)"
    ]


def test_a_kept_figure_is_told_with_date_commit_and_machine_and_held_against_its_bar() -> None:
    keep("sweep", {"sweep_broken": 2}, "make test-sweep", machine="a test machine")
    (figure,) = RUN.measure()
    assert not figure.kept
    assert "2.000 cases" in str(figure)
    assert "MISSED  (kept of 20" in str(figure)
    assert "a test machine)" in str(figure)


def test_a_figure_that_the_run_did_not_give_is_named() -> None:
    file = keep("sweep", {}, "make test-sweep")
    assert file.parent.is_dir()
    (figure,) = RUN.measure()
    assert "did not give it" in str(figure)
