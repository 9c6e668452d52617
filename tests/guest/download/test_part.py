"""What has arrived of a file, and whether it may be gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.download.part import EARLIER, Part
from guest.download.task import Task


def part(folder: Path, *, begun: int, sha256: str | None = "0" * 64) -> Part:
    task = Task("a.bin", "model", folder / "new" / "a.bin", ["https://one.test/a"], sha256, 100, 100)
    task.part.parent.mkdir()
    task.part.write_bytes(b"x" * begun)
    return Part(task)


@pytest.mark.parametrize("begun", [1, 99, 100])
def test_what_an_earlier_run_left_is_gone_on_with(tmp_path: Path, begun: int) -> None:
    made = part(tmp_path, begun=begun)
    assert (made.task.done, made.givers) == (begun, {EARLIER})


def test_of_nothing_nobody_is_the_giver(tmp_path: Path) -> None:
    made = part(tmp_path, begun=0)
    assert (made.task.done, made.givers) == (0, set())


@pytest.mark.parametrize(
    ("begun", "sha256"), [(101, "0" * 64), (1, None)], ids=["more than the file has", "nobody could tell a mixture"]
)
def test_what_cannot_be_gone_on_with_begins_anew(tmp_path: Path, begun: int, sha256: str | None) -> None:
    made = part(tmp_path, begun=begun, sha256=sha256)
    assert (made.task.done, made.givers, made.path.read_bytes()) == (0, set(), b"")
