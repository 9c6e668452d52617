"""The source's archive: the pinned commit or nothing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from guest import source
from guest.download.ledger import Ledger
from guest.download.plan import plan
from guest.errors import GuestError
from guest.machine import Machine

COMMIT = "c" * 40


def archive(path: Path, comment: str = COMMIT, names: tuple[str, ...] = source.NEEDED) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name in names:
            packed.writestr(f"ChatGLM-6B-{COMMIT}/{name}", "print()\n")
        packed.comment = comment.encode()
    return path


def test_the_pinned_commit_comes_to_its_place_and_replaces_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "ChatGLM-6B").mkdir()
    (tmp_path / "ChatGLM-6B" / "old.py").touch()
    target = source.unpack(archive(tmp_path / "a.zip"), tmp_path, COMMIT, hashed=False)
    assert (target / "ptuning" / "main.py").is_file()
    assert not (target / "old.py").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "ChatGLM-6B"}


@pytest.mark.parametrize("comment", ["d" * 40, ""])
def test_another_commit_is_refused_and_the_old_source_stays(tmp_path: Path, comment: str) -> None:
    (tmp_path / "ChatGLM-6B").mkdir()
    with pytest.raises(GuestError, match="names the commit"):
        source.unpack(archive(tmp_path / "a.zip", comment), tmp_path, COMMIT, hashed=False)
    assert (tmp_path / "ChatGLM-6B").is_dir()


def test_a_copy_with_a_hash_of_its_own_needs_no_comment(tmp_path: Path) -> None:
    assert source.unpack(archive(tmp_path / "a.zip", ""), tmp_path, COMMIT, hashed=True).is_dir()


def test_an_incomplete_or_broken_archive_is_told(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match=r"lacks ptuning/main\.py"):
        source.unpack(archive(tmp_path / "a.zip", names=("web_demo.py",)), tmp_path, COMMIT, hashed=False)
    (tmp_path / "b.zip").write_text("<html>", encoding="utf-8")
    with pytest.raises(GuestError, match="does not unpack"):
        source.unpack(tmp_path / "b.zip", tmp_path, COMMIT, hashed=False)


def test_a_wrong_archive_is_thrown_away_so_that_it_is_fetched_anew(installed: Machine, tmp_path: Path) -> None:
    path = archive(tmp_path / "source.zip", "d" * 40)
    manifest = json.loads((installed.root / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"] = [{"id": "source", "path": str(path), "sha256": None}]
    (installed.root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert source.main() == 1
    assert not path.exists()
    archive(path)
    assert source.main() == 0
    assert (installed.root / "ChatGLM-6B" / "web_demo.py").is_file()


def test_the_source_of_a_wrong_archive_is_not_asked_first_again(installed: Machine, tmp_path: Path) -> None:
    path = tmp_path / "source.zip"
    urls = ["https://a.test/zip", "https://b.test/zip", "https://c.test/zip"]
    row = {"id": "source", "step": "source", "path": str(path), "urls": urls, "sha256": None, "bytes": None}
    manifest = json.loads((installed.root / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"files": [row], "steps": [{"name": "source", "key": "k"}]}
    (installed.root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    asked = []
    for _ in range(3):
        (task,) = plan(installed.root)
        asked.append(task.urls[0])
        task.source, task.done = task.urls[0], archive(path, "d" * 40).stat().st_size
        Ledger(installed.root).note(task)
        assert source.main() == 1
    assert asked == urls


def test_a_folder_that_windows_keeps_gets_its_new_files_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / source.FOLDER
    target.mkdir()
    (target / "old.py").touch()
    own = Path.replace

    def replace(self: Path, other: Path) -> Path:
        if self == target:
            raise PermissionError(13, "used by another process")
        return own(self, other)

    monkeypatch.setattr(Path, "replace", replace)
    source.unpack(archive(tmp_path / "a.zip"), tmp_path, COMMIT, hashed=False)
    assert (target / "ptuning" / "main.py").is_file()
    assert not (target / "old.py").exists()


def test_a_file_that_is_kept_open_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / source.FOLDER).mkdir()
    monkeypatch.setattr("guest.files.REPLACE_SECONDS", 0.05)
    own = Path.replace

    def replace(self: Path, other: Path) -> Path:
        if self == tmp_path / source.FOLDER or self.name == "web_demo.py":
            raise PermissionError(13, "used by another process")
        return own(self, other)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(GuestError, match=r"web_demo\.py is open in another program"):
        source.unpack(archive(tmp_path / "a.zip"), tmp_path, COMMIT, hashed=False)
