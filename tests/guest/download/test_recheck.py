"""Files of a finished step, compared with their hashes again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from guest.download.recheck import give_back_wrong
from guest.download.task import DONE, FAILED, WAITING, Task

CONTENT = b"right bytes"
RIGHT = hashlib.sha256(CONTENT).hexdigest()


def finished(folder: Path, *, content: bytes = CONTENT, sha256: str | None = RIGHT, state: str = DONE) -> Task:
    made = Task("a.bin", "model", folder / "a.bin", ["https://one.test/a"], sha256, len(CONTENT), len(CONTENT))
    made.path.write_bytes(content)
    made.state, made.done = state, len(content)
    return made


def test_wrong_bytes_are_given_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = finished(tmp_path, content=b"wrong bytes")
    give_back_wrong([task], "model")
    assert (task.state, task.done, task.path.exists()) == (WAITING, 0, False)
    assert capsys.readouterr().out == "a.bin has other bytes than it came with, and is fetched anew\n"


def test_a_hash_of_another_kind_is_compared_by_the_downloader(tmp_path: Path) -> None:
    task = finished(tmp_path, sha256="0" * 40)
    give_back_wrong([task], "model")
    assert (task.state, task.done, task.part.read_bytes()) == (WAITING, 0, CONTENT)


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, "model"),
        ({"content": b"wrong bytes"}, "cuda"),
        ({"content": b"wrong bytes", "sha256": None}, "model"),
        ({"content": b"wrong bytes", "state": FAILED}, "model"),
    ],
    ids=["right bytes", "of another step", "without a hash", "not finished"],
)
def test_what_is_right_or_not_asked_for_is_left_alone(tmp_path: Path, changes: dict[str, object], step: str) -> None:
    task = finished(tmp_path, **changes)  # type: ignore[arg-type]
    state, content = task.state, task.path.read_bytes()
    give_back_wrong([task], step)
    assert (task.state, task.done, task.path.read_bytes()) == (state, len(content), content)
