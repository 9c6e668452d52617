"""Run folders, their names and their record."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
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
    assert record_from_dict(record_as_dict(RECORD), run.file) == RECORD
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


def test_a_record_of_a_newer_version_is_told_in_plain_words(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    document = json.loads(run.file.read_text(encoding="utf-8"))
    assert document["schema"] == 1
    run.file.write_text(json.dumps({**document, "schema": 2, "shape": "new"}), encoding="utf-8")
    with pytest.raises(GuestError, match="another version of this project: its form is 2, this one knows up to 1"):
        _ = run.record


def test_a_record_from_before_is_understood(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    document = json.loads(run.file.read_text(encoding="utf-8"))
    del document["keep_going"], document["options"]["hold_out"], document["options"]["patience"]
    for attempt in document["attempts"]:
        del attempt["checkpointing"]
    run.file.write_text(json.dumps(document), encoding="utf-8")
    # Nobody asked for it then.
    assert run.record == replace(RECORD, keep_going=False)


def test_the_best_checkpoint_on_held_out_rows_is_taken_unless_told_otherwise(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    for step in (50, 100, 150):
        make(run.output, step)
    assert (run.best_step(), run.checkpoint(None).step) == (None, 150)
    run.hold_out_losses.write_text("[[50, 3.3], [100, 3.1], [150, NaN]]", encoding="ascii")
    assert (run.best_step(), run.checkpoint(None).step) == (100, 100)
    assert run.newest_complete() is not None
    (run.output / "checkpoint-100" / "optimizer.pt").write_bytes(b"half")
    assert run.checkpoint(None).step == 150


def test_the_files_lie_where_machines_of_before_have_them(tmp_path: Path) -> None:
    run = create_run(tmp_path / "made" / "with-its-parents", RECORD)
    places = {
        name: path.relative_to(run.folder).as_posix()
        for name, path in vars(run).items()
        if isinstance(path, Path) and name != "folder"
    }
    assert (run.folder, run.name) == (tmp_path / "made" / "with-its-parents" / "first", "first")
    assert places == {
        "file": "run.json",
        "train_file": "data/train.json",
        "dev_file": "data/dev.json",
        "hold_out_file": "data/hold-out.json",
        "arguments_file": "options.json",
        "launch_file": "launch.json",
        "events_file": "events.jsonl",
        "hold_out_losses": "hold-out.json",
        "job_file": "job.json",
        "log": "train.log",
        "progress_file": "progress.json",
        "stop_file": "stop",
        "save_file": "save",
        "output": "output",
        "evaluation": "evaluation",
    }


def test_a_run_that_was_just_made_says_nothing_that_nobody_said(tmp_path: Path) -> None:
    run = create_run(tmp_path, Record("first", RECORD.options, DataFile("train.json", "a" * 64, 8)))
    kept = run.record
    assert (kept.dev, kept.train.advertisegen, kept.attempts) == (None, False, ())
    assert (kept.rehearsal, kept.keep_going, kept.state) == (False, True, "prepared")
    begun = run.update(attempts=(Attempt("2024-01-01T00:00:00Z"),))
    assert run.record == begun
    assert (begun.attempts[0].step, begun.attempts[0].checkpointing) == (0, True)


def test_a_document_without_a_number_is_of_the_first_form(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    document = json.loads(run.file.read_text(encoding="utf-8"))
    del document["schema"]
    run.file.write_text(json.dumps(document), encoding="utf-8")
    assert run.record == RECORD


def test_a_name_that_is_taken_or_cannot_be_is_told_and_makes_nothing(tmp_path: Path) -> None:
    create_run(tmp_path, RECORD)
    with pytest.raises(GuestError, match="There is a run named first already"):
        create_run(tmp_path, RECORD)
    with pytest.raises(GuestError, match='"名" cannot be the name of a run'):
        create_run(tmp_path, replace(RECORD, name="名"))
    assert [path.name for path in tmp_path.iterdir()] == ["first"]
    with pytest.raises(GuestError, match="cannot be the name"):
        open_run(tmp_path, "../first")


def test_where_there_is_no_run_or_no_checkpoint_it_says_none(tmp_path: Path) -> None:
    with pytest.raises(GuestError) as caught:
        open_run(tmp_path, "first")
    assert caught.value.hint == "Runs on this machine: none."
    with pytest.raises(GuestError, match="Run first has no complete checkpoint") as caught:
        create_run(tmp_path, RECORD).checkpoint(None)
    assert caught.value.hint == "Complete checkpoints: none."


@pytest.mark.parametrize("step", [50, None])
def test_a_checkpoint_that_is_damaged_is_told_with_what_is_wrong(tmp_path: Path, step: int | None) -> None:
    run = create_run(tmp_path, RECORD)
    folder = make(run.output, 50)
    content = bytearray((folder / "optimizer.pt").read_bytes())
    with zipfile.ZipFile(folder / "optimizer.pt") as archive:
        content[content.index(archive.read("archive/data/0")) + 8] ^= 1  # as long as before: only its checksum tells
    (folder / "optimizer.pt").write_bytes(content)
    with pytest.raises(GuestError) as caught:
        run.checkpoint(step)
    said = "Checkpoint 50 of run first is not complete: optimizer.pt is damaged."
    assert caught.value.message == (said if step else "Run first has no complete checkpoint.")


def test_broken_checkpoints_are_set_aside_wherever_they_stand_and_good_ones_stay(tmp_path: Path) -> None:
    run = create_run(tmp_path, RECORD)
    for step in (50, 100, 150, 200):
        make(run.output, step)
    (run.output / "checkpoint-100" / "optimizer.pt").unlink()
    (run.output / "checkpoint-200" / "scheduler.pt").write_bytes(b"half")
    assert run.set_broken_aside() == ["checkpoint-100", "checkpoint-200"]
    assert [one.step for one in run.checkpoints()] == [50, 150]
    assert run.set_broken_aside() == []
    make(run.output, 200)
    (run.output / "checkpoint-200" / "scheduler.pt").write_bytes(b"half")
    assert run.set_broken_aside() == ["checkpoint-200"], "and again where one stands aside already"
    aside = sorted(path.name.rpartition("-")[0] for path in (run.folder / "broken").iterdir())
    assert aside == ["checkpoint-100", "checkpoint-200", "checkpoint-200"]
