"""Run folders, their names and their record."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.errors import GuestError
from guest.training.options import read_options
from guest.training.runs import (
    Attempt,
    DataFile,
    Record,
    check_name,
    create_run,
    list_runs,
    open_run,
    record_as_dict,
    record_from_dict,
)

from .test_checkpoints import make

RECORD = Record(
    "first",
    read_options({"pre_seq_len": 4, "history_column": "history"}),
    DataFile("train.json", "a" * 64, 8),
    DataFile("dev.json", "b" * 64, 2, advertisegen=True),
    attempts=(Attempt("2024-01-01T00:00:00Z", step=50),),
)


def test_the_record_survives_its_file(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    assert run.record == RECORD
    assert record_from_dict(record_as_dict(RECORD)) == RECORD
    assert record_as_dict(RECORD)["pre_seq_len"] == 4


@pytest.mark.parametrize("name", ["a", "adgen-20240101", "A_b-9", "0"])
def test_good_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize("name", ["", "a.b", "a b", "../a", "-a", "con", "LPT1", "base", "a" * 64, "名", None, 3])
def test_names_that_a_folder_of_windows_or_transformers_cannot_have(name: object) -> None:
    with pytest.raises(GuestError, match="cannot be the name of a run"):
        check_name(name)


def test_a_missing_run_is_told_with_those_that_exist(tmp_path: Path) -> None:
    create_run(tmp_path, RECORD)
    with pytest.raises(GuestError) as caught:
        open_run(tmp_path, "second")
    assert caught.value.hint == "Runs on this machine: first."
    assert [run.name for run in list_runs(tmp_path)] == ["first"]
    assert list_runs(tmp_path / "none") == []


def test_a_record_that_cannot_be_read_is_told_and_touches_no_checkpoint(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    make(run.output, 50)
    run.file.write_text('{"schema": 1')
    with pytest.raises(GuestError, match=r"run.json cannot be read"):
        _ = run.record
    assert run.newest_complete() is not None


def test_a_checkpoint_by_its_step_or_the_newest(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    with pytest.raises(GuestError, match="no complete checkpoint"):
        run.checkpoint(None)
    make(run.output, 50)
    make(run.output, 100)
    assert (run.checkpoint(None).step, run.checkpoint(50).step) == (100, 50)
    with pytest.raises(GuestError) as caught:
        run.checkpoint(70)
    assert caught.value.hint == "Complete checkpoints: 50, 100."
