"""`python -m guest.download` as a program: one at a time."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pytest

from bench.faulty_server import FaultyServer, Source
from guest.download import __main__ as program
from guest.download.limits import Limits
from guest.exclusive import exclusive
from guest.paths import MODEL_FILES_NAME

BODY = bytes(range(1, 251)) * 40


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "manifest.json").write_text(json.dumps({"steps": [], "files": []}), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["guest.download", str(tmp_path)])
    return tmp_path


def test_it_ends_well_when_nothing_is_wanted(root: Path) -> None:
    assert program.main() == 0
    assert json.loads((root / "state" / "downloads.json").read_text(encoding="utf-8"))["files"] == []


def test_a_second_one_does_not_write_to_the_same_files(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "_HANDOVER_SECONDS", 0.0)
    with exclusive(root / "state" / "download.lock"):
        assert program.main() == 1
    said = capsys.readouterr().err
    assert "another program holds" in said
    assert "end it, or wait for it" in said
    assert program.main() == 0, "the lock ends with its holder"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"steps": 3, "files": []}', "\0\0\0"])
def test_a_damaged_manifest_is_named(root: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "manifest.json").write_text(content, encoding="utf-8")
    assert program.main() == 1
    assert "manifest.json is damaged or missing. Run pulumi up" in capsys.readouterr().err


def with_a_model(root: Path, server: FaultyServer, content: bytes) -> Path:
    """A machine whose step `model` is finished: its file has these bytes by now."""
    path = root / "model" / "a.bin"
    file = {"id": "a.bin", "step": "model", "path": str(path), "urls": [server.url("one", "a.bin")]}
    file |= {"sha256": hashlib.sha256(BODY).hexdigest(), "bytes": len(BODY)}
    made = {"steps": [{"name": "model", "key": "k1"}], "files": [file]}
    (root / "manifest.json").write_text(json.dumps(made), encoding="utf-8")
    for folder in (path.parent, root / "state" / "done"):
        folder.mkdir(parents=True)
    (root / "state" / "done" / "model").write_text("k1", encoding="ascii")
    path.write_bytes(content)
    return path


def test_wrong_bytes_of_the_right_size_are_seen_when_hashes_are_asked_for_and_fetched_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = FaultyServer({"a.bin": BODY}, {"one": Source()})
    with server.running():
        path = with_a_model(root, server, BODY[:500] + b"!" + BODY[501:])
        assert program.main() == 0
        assert server.requests == []  # a name is trusted until something fails
        monkeypatch.setattr(sys, "argv", ["guest.download", str(root), "--recheck", "model"])
        monkeypatch.setattr(program, "Limits", lambda: Limits(disk_reserve=0))
        assert program.main() == 0
    assert path.read_bytes() == BODY
    assert "a.bin has other bytes than it came with" in capsys.readouterr().out


def test_right_bytes_are_compared_and_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = FaultyServer({"a.bin": BODY}, {"one": Source()})
    with server.running():
        path = with_a_model(root, server, BODY)
        before = path.stat()
        monkeypatch.setattr(sys, "argv", ["guest.download", str(root), "--recheck", "model"])
        assert program.main() == 0
        assert server.requests == []
    assert path.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("kind", ["sha256", "git"])
def test_a_file_whose_hash_the_hub_named_is_compared_with_that_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    server = FaultyServer({"a.bin": BODY}, {"one": Source(names_hash=kind)})
    with server.running():
        path = with_a_model(root, server, BODY)
        path.unlink()
        (root / "state" / "done" / "model").unlink()
        manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        manifest["files"][0] |= {"check": "hub", "sha256": None, "bytes": None, "estimate": len(BODY)}
        (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        monkeypatch.setattr(program, "Limits", lambda: Limits(disk_reserve=0))
        assert program.main() == 0
        assert path.read_bytes() == BODY
        path.write_bytes(BODY[:500] + b"!" + BODY[501:])
        monkeypatch.setattr(sys, "argv", ["guest.download", str(root), "--recheck", "model"])
        assert program.main() == 0
    assert path.read_bytes() == BODY


def test_what_came_over_the_channel_is_not_fetched(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = FaultyServer({"a.bin": BODY}, {"one": Source()})
    with server.running():
        path = with_a_model(root, server, BODY)
        path.unlink()
        (root / "inbox").mkdir()
        with zipfile.ZipFile(root / "inbox" / MODEL_FILES_NAME, "w") as archive:
            archive.writestr("a.bin", BODY)
        monkeypatch.setattr(program, "Limits", lambda: Limits(disk_reserve=0))
        assert program.main() == 0
        assert server.requests == []
    assert path.read_bytes() == BODY


def test_a_newer_manifest_is_told_in_plain_words(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "manifest.json").write_text('{"schema": 99, "steps": [], "files": []}', encoding="utf-8")
    assert program.main() == 1
    assert "another version of this project" in capsys.readouterr().err
