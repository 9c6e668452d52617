r"""Windows paths lead into the machine's folder, or nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.windows.drive import Drive, PathRefusedError


@pytest.fixture
def drive(tmp_path: Path) -> Drive:
    (tmp_path / "disk" / "chatglm" / "State").mkdir(parents=True)
    (tmp_path / "secret").write_text("outside", encoding="utf-8")
    return Drive(tmp_path / "disk")


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("C:\\chatglm\\new.txt", "chatglm/new.txt"),
        ("c:/chatglm/new.txt", "chatglm/new.txt"),
        ("C:\\ChatGLM\\state\\status.json", "chatglm/State/status.json"),
        ("C:\\chatglm\\\\data\\", "chatglm/data"),
        ("C:\\", "."),
        ("C:\\chatglm\\数据.json", "chatglm/数据.json"),
        ("C:\\chatglm\\.hidden", "chatglm/.hidden"),
    ],
)
def test_plain_paths(drive: Drive, path: str, relative: str) -> None:
    assert drive.locate(path) == drive.folder / relative


@pytest.mark.parametrize(
    "path",
    [
        "C:\\..\\secret",
        "C:\\chatglm\\..\\..\\secret",
        "C:\\chatglm\\. .\\x",
        "C:\\chatglm\\...\\x",
        "C:chatglm",
        "D:\\x",
        "\\\\server\\share\\x",
        "\\\\?\\C:\\x",
        "/etc/passwd",
        "chatglm\\x",
        "C:\\con",
        "C:\\chatglm\\NUL.txt",
        "C:\\chatglm\\COM1",
        "C:\\chatglm\\file.txt:stream",
        "C:\\chatglm\\file.",
        "C:\\chatglm\\file ",
        "C:\\chatglm\\a\0b",
        "C:\\chatglm\\a\nb",
        "C:\\chatglm\\*",
        "",
    ],
)
def test_tricks_are_refused(drive: Drive, path: str) -> None:
    with pytest.raises(PathRefusedError):
        drive.locate(path)


def test_a_link_out_of_the_drive_is_refused(drive: Drive, tmp_path: Path) -> None:
    (drive.folder / "link").symlink_to(tmp_path)
    with pytest.raises(PathRefusedError, match="link"):
        drive.locate("C:\\link\\secret")


def test_spelling(drive: Drive) -> None:
    assert drive.spell(drive.folder / "chatglm" / "State") == "C:\\chatglm\\State"
