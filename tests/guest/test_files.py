"""Replacing files in one step, also where Windows refuses for a moment or the disk is full."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import pytest

from guest import files


def test_a_refusal_of_a_moment_is_borne(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals, replace = [1, 2], Path.replace

    def refusing(self: Path, target: Path) -> Path:
        if refusals:
            refusals.pop()
            raise PermissionError(errno.EACCES, "somebody reads it")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refusing)
    files.write_json(tmp_path / "a.json", {"a": 1})
    assert files.read_json(tmp_path / "a.json") == {"a": 1}


def test_a_lasting_refusal_is_told_and_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_json(tmp_path / "a.json", {"a": 1})
    monkeypatch.setattr(files, "REPLACE_SECONDS", 0.0)

    def refusing(*_: object) -> None:
        raise PermissionError(errno.EACCES, "somebody holds it")

    monkeypatch.setattr(Path, "replace", refusing)
    with pytest.raises(PermissionError):
        files.write_json(tmp_path / "a.json", {"a": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert files.read_json(tmp_path / "a.json") == {"a": 1}


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.write_json(tmp_path / "a.json", {"a": 1})
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_on_the_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut leaves the name, and nothing or zeros in it."""
    done: list[tuple[str, object]] = []
    replace, fsync = Path.replace, os.fsync

    def replacing(self: Path, target: Path) -> Path:
        done.append(("named", self.read_bytes()))
        return replace(self, target)

    def syncing(handle: int) -> None:
        done.append(("synced", os.fstat(handle).st_size))
        fsync(handle)

    monkeypatch.setattr(Path, "replace", replacing)
    monkeypatch.setattr(os, "fsync", syncing)
    files.replace_file(tmp_path / "a.bin", b"content")
    assert done == [("synced", 7), ("named", b"content")]


def test_a_private_file_is_its_owners_alone_from_its_first_byte_on(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "keys.json", private=True) as file:
        file.write(b"secret")
        assert [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()] == [0o600]
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_what_is_raised_while_a_file_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    files.replace_file(tmp_path / "a.bin", b"old")
    with contextlib.suppress(ValueError), files.replacing(tmp_path / "a.bin") as file:
        file.write(b"half")
        raise ValueError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.bin", b"old")]


def test_what_need_not_outlive_a_power_cut_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[int] = []
    monkeypatch.setattr(os, "fsync", waited.append)
    files.replace_file(tmp_path / "port", b"1", flushed=False)
    assert (waited, (tmp_path / "port").read_bytes()) == ([], b"1")
