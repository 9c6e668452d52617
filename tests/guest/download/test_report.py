"""How far the downloads are, for readers: a document, and a line for each change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guest.download import task as tasks
from guest.download.task import FAILED, Report, Task


def made(folder: Path) -> Task:
    return Task("a.bin", "model", folder / "a.bin", [], None, 3, 3)


def test_progress_is_written_for_readers(tmp_path: Path) -> None:
    wanted = made(tmp_path)
    with Report(tmp_path / "downloads.json", [wanted]):
        wanted.state, wanted.done = "done", 3
    document = json.loads((tmp_path / "downloads.json").read_text(encoding="utf-8"))
    (row,) = document["files"]
    assert document["schema"] == 1
    assert (row["step"], row["state"], row["bytes"], row["error"]) == ("model", "done", 3, None)


def test_a_failure_is_a_line_of_the_log_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = made(tmp_path)
    report = Report(tmp_path / "downloads.json", [wanted])
    report.write()
    wanted.state, wanted.error = FAILED, "a.bin: HTTP 404"
    report.write()
    report.write()
    said = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[2] for line in said] == ["model a.bin: waiting", "model a.bin: failed a.bin: HTTP 404"]


def test_a_full_disk_does_not_end_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tasks, "write_json", full)
    Report(tmp_path / "downloads.json", [made(tmp_path)]).write()
    assert "No space left" in capsys.readouterr().err
