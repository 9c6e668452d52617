"""A whole sweep that was cut off goes on where it was, and only on the commit that it began with."""

from __future__ import annotations

from pathlib import Path

from tests.sweep.case import Outcome
from tests.sweep.faults import Case, cases_of
from tests.sweep.progress import Progress

CASE = Case("park", "cvm", "CreateImage", 0, "cut-after")
OUTCOME = Outcome(CASE, "", "there are 0 images", ["image img-1"], "said")


def test_what_was_found_out_is_there_again(tmp_path: Path) -> None:
    progress = Progress(tmp_path, "one")
    assert progress.outcomes() == []
    (tmp_path / "one").mkdir()
    progress.add(OUTCOME)
    assert Progress(tmp_path, "one").outcomes() == [OUTCOME]


def test_a_line_that_was_cut_off_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    progress = Progress(tmp_path, "one")
    progress.add(OUTCOME)
    with (tmp_path / "one" / "outcomes.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"case": {"transi')
    assert progress.outcomes() == [OUTCOME]


def test_another_commit_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    Progress(tmp_path, "one").add(OUTCOME)
    assert Progress(tmp_path, "two").outcomes() == []
    assert not (tmp_path / "one").exists()


def kinds(cases: list[Case], action: str) -> set[str]:
    return {case.kind for case in cases if case.action == action}


def test_a_search_lags_only_once_something_was_made() -> None:
    cases = cases_of("up", [("cvm", "DescribeImages"), ("cvm", "RunInstances"), ("cvm", "DescribeInstances")])
    assert not {"unseen-once", "unseen-for-a-minute"} & kinds(cases, "DescribeImages")
    assert {"unseen-once", "unseen-for-a-minute"} <= kinds(cases, "DescribeInstances")
    assert not {"unseen-once", "unseen-for-a-minute"} & kinds(cases, "RunInstances")


def test_where_guests_are_waited_for_only_writes_are_tried_and_by_few_kinds() -> None:
    cases = cases_of("up-awaited", [("cvm", "DescribeInstances"), ("cvm", "RunInstances")], guests=True)
    assert {case.action for case in cases} == {"RunInstances"}
    assert {case.kind for case in cases} == {"cut-after", "killed-after", "plugin-killed"}
