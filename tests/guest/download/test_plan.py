"""Which files are wanted, by marks, sizes and what was found wrong before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guest.download.ledger import Ledger
from guest.download.plan import plan
from guest.download.task import DONE, WAITING, Task


def manifest(folder: Path, **changes: Any) -> None:
    file = {
        "id": "a.bin",
        "step": "model",
        "path": str(folder / "{file}"),
        "urls": ["https://x.test/{file}", "https://y.test/{file}"],
        "sha256": "00",
        "bytes": 3,
        **changes,
    }
    made = {"steps": [{"name": "model", "key": "k1"}], "files": [file]}
    (folder / "state" / "done").mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(made), encoding="utf-8")


def test_files_that_a_finished_step_has_used_up_are_not_wanted(tmp_path: Path) -> None:
    manifest(tmp_path, path=str(tmp_path / "downloads" / "{file}"))
    assert [t.urls[0] for t in plan(tmp_path)] == ["https://x.test/a.bin"]
    (tmp_path / "state" / "done" / "model").write_text("k1", encoding="ascii")
    assert plan(tmp_path) == []


def test_files_that_stay_are_fetched_again_when_they_are_gone(tmp_path: Path) -> None:
    manifest(tmp_path)
    (tmp_path / "state" / "done" / "model").write_text("k1", encoding="ascii")
    assert [t.state for t in plan(tmp_path)] == [WAITING]


def test_a_checked_file_is_not_fetched_again_but_one_of_other_settings_is_checked(tmp_path: Path) -> None:
    manifest(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert [t.state for t in plan(tmp_path)] == ["done"]
    (tmp_path / "state" / "done" / "model").write_text("older key", encoding="ascii")
    assert [t.state for t in plan(tmp_path)] == ["waiting"]
    assert (tmp_path / "a.bin.part").read_bytes() == b"abc"


def test_only_files_without_a_hash_pass_over_sources(tmp_path: Path) -> None:
    manifest(tmp_path)
    assert plan(tmp_path, skip=1)[0].urls[0] == "https://x.test/a.bin"
    manifest(tmp_path, sha256=None)
    assert plan(tmp_path, skip=1)[0].urls == ["https://y.test/a.bin", "https://x.test/a.bin"]


@pytest.mark.parametrize("content", [b"", b"ab", b"abcd", bytes(3)], ids=["empty", "cut", "too long", "zeros"])
def test_a_named_file_counts_only_with_its_known_size(tmp_path: Path, content: bytes) -> None:
    manifest(tmp_path)
    (tmp_path / "a.bin").write_bytes(content)
    assert [t.state for t in plan(tmp_path)] == [WAITING]
    assert (tmp_path / "a.bin.part").read_bytes() == content
    assert not (tmp_path / "a.bin").exists()


@pytest.mark.parametrize("content", [b"", b"ab"], ids=["empty", "cut"])
def test_a_damaged_file_of_a_finished_step_is_mended(tmp_path: Path, content: bytes) -> None:
    manifest(tmp_path)
    (tmp_path / "state" / "done" / "model").write_text("k1", encoding="ascii")
    (tmp_path / "a.bin").write_bytes(content)
    assert [t.state for t in plan(tmp_path)] == [WAITING]


@pytest.mark.parametrize("mark", [b"", b"\0\0", b"\xff\xff"], ids=["empty", "zeros", "garbage"])
def test_a_damaged_mark_is_none(tmp_path: Path, mark: bytes) -> None:
    manifest(tmp_path)
    (tmp_path / "state" / "done" / "model").write_bytes(mark)
    assert [t.id for t in plan(tmp_path)] == ["a.bin"]


def test_where_no_size_is_published_the_one_that_was_noted_counts(tmp_path: Path) -> None:
    manifest(tmp_path, bytes=None, estimate=3, sha256=None)
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert [t.state for t in plan(tmp_path)] == [WAITING], "nobody knows whether it is whole"
    (task,) = plan(tmp_path)
    task.done, task.source = 3, "https://x.test/a.bin"
    Ledger(tmp_path).note(task)
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert [t.state for t in plan(tmp_path)] == [DONE]
    (tmp_path / "a.bin").write_bytes(b"ab")
    assert [t.state for t in plan(tmp_path)] == [WAITING]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\0" * 99, b'{"schema": 99, "files": {}}', b'{"schema": 1, "files": []}']
)
def test_a_damaged_or_newer_ledger_only_costs_a_check(tmp_path: Path, content: bytes) -> None:
    manifest(tmp_path, bytes=None, estimate=3)
    (tmp_path / "state" / "downloaded.json").write_bytes(content)
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert [t.state for t in plan(tmp_path)] == [WAITING]


def test_a_source_whose_file_proved_wrong_is_asked_last(tmp_path: Path) -> None:
    manifest(tmp_path, sha256=None)
    ledger = Ledger(tmp_path)
    for wrong, first in (("x", "y"), ("y", "x")):
        (task,) = plan(tmp_path)
        assert task.urls[0] == f"https://{wrong}.test/a.bin"
        task.done, task.source = 3, task.urls[0]
        ledger.note(task)
        ledger.reject("a.bin")
        assert plan(tmp_path)[0].urls[0] == f"https://{first}.test/a.bin", "the oldest again when all were wrong"
        assert not (tmp_path / "a.bin").exists()


def test_a_file_of_which_nothing_is_known_can_be_rejected(tmp_path: Path) -> None:
    manifest(tmp_path)
    Ledger(tmp_path).reject("a.bin")
    assert isinstance(plan(tmp_path)[0], Task)


@pytest.mark.parametrize("zeros", [slice(0, 8192), slice(8192, 16384)], ids=["first half", "second half"])
def test_a_file_that_is_half_zeros_after_a_power_cut_is_checked(tmp_path: Path, zeros: slice) -> None:
    manifest(tmp_path, bytes=16384)
    content = bytearray(b"x" * 16384)
    (tmp_path / "a.bin").write_bytes(content)
    assert [t.state for t in plan(tmp_path)] == [DONE]
    content[zeros] = bytes(8192)
    (tmp_path / "a.bin").write_bytes(content)
    assert [t.state for t in plan(tmp_path)] == [WAITING]


def test_another_models_weights_go_and_nothing_else(tmp_path: Path) -> None:
    manifest(tmp_path, id="pytorch_model.bin", check="hub", sha256=None, bytes=None, estimate=9)
    for name in ("pytorch_model-00001-of-00008.bin", "pytorch_model.bin.index.json", "pytorch_model.bin.part", "x.py"):
        (tmp_path / name).write_bytes(b"abc")
    (tmp_path / "state" / "done" / "model").write_text("another model's key", encoding="ascii")
    assert [task.by_hub for task in plan(tmp_path)] == [True]
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {
        "manifest.json", "pytorch_model.bin.part", "x.py",
    }  # fmt: skip


def test_the_weights_of_a_finished_step_stay(tmp_path: Path) -> None:
    manifest(tmp_path, id="pytorch_model.bin")
    (tmp_path / "state" / "done" / "model").write_text("k1", encoding="ascii")
    (tmp_path / "pytorch_model-00001-of-00008.bin").write_bytes(b"abc")
    plan(tmp_path)
    assert (tmp_path / "pytorch_model-00001-of-00008.bin").is_file()


def test_a_file_named_by_the_hub_counts_with_the_size_and_hash_that_were_noted(tmp_path: Path) -> None:
    manifest(tmp_path, check="hub", sha256=None, bytes=None, estimate=3)
    ledger = Ledger(tmp_path)
    [task] = plan(tmp_path)
    task.sha256, task.size, task.done = "ab" * 32, 3, 3
    ledger.promise(task, task.urls[0])
    ledger.note(task)
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert [(again.state, again.sha256, again.size) for again in plan(tmp_path)] == [(DONE, "ab" * 32, 3)]
    (tmp_path / "a.bin").write_bytes(b"ab")
    assert [again.state for again in plan(tmp_path)] == [WAITING]
