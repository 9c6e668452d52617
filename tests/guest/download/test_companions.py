"""Files that came over the channel beside the second stage."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from guest.download.companions import take_in
from guest.download.ledger import Ledger
from guest.download.task import DONE, WAITING, Task
from guest.paths import MODEL_FILES_NAME

CONTENT = b'{"model_type": "chatglm"}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path


def bring(root: Path, **members: bytes) -> Path:
    came = root / "inbox" / MODEL_FILES_NAME
    with zipfile.ZipFile(came, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return came


def task(root: Path, name: str = "config.json", size: int = len(CONTENT)) -> Task:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Task(name, "model", root / "model" / name, ["https://x.test/a"], digest, size, size)


def test_a_file_that_came_is_not_fetched(root: Path) -> None:
    came, wanted = bring(root, config_json=CONTENT), task(root)
    (root / "model").mkdir()
    wanted.part.write_bytes(b"what curl had begun")
    take_in(root, [wanted], Ledger(root))
    assert (wanted.state, wanted.path.read_bytes()) == (DONE, CONTENT)
    assert not came.exists()
    assert not wanted.part.exists()


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x", CONTENT[::-1]])
def test_another_file_than_the_manifest_names_is_fetched(
    root: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    came, wanted = bring(root, config_json=content), task(root)
    take_in(root, [wanted], Ledger(root))
    assert wanted.state == WAITING
    assert not wanted.path.exists()
    assert not came.exists()
    assert "config.json came as another file than the manifest names" in capsys.readouterr().err


def test_what_nobody_asked_for_goes_nowhere(root: Path) -> None:
    bring(root, evil_py=b"x", config_json=CONTENT)
    wanted = task(root)
    take_in(root, [wanted], Ledger(root))
    assert [path.name for path in (root / "model").iterdir()] == ["config.json"]


@pytest.mark.parametrize("damage", [b"", b"no zip", b"PK\x03\x04" + bytes(40)])
def test_a_damaged_one_is_told_and_its_files_are_fetched(
    root: Path, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "inbox" / MODEL_FILES_NAME).write_bytes(damage)
    wanted = task(root)
    take_in(root, [wanted], Ledger(root))
    assert wanted.state == WAITING
    assert "its files are fetched" in capsys.readouterr().err


def test_where_nothing_came_nothing_happens(root: Path) -> None:
    take_in(root, [task(root)], Ledger(root))
