"""The status of the machine: how old its heartbeat is, and whether the installation is dead or hangs."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from guest.files import write_json
from guest.installation import STALE_SECONDS, heartbeat, is_installing
from guest.machine import Machine
from guest.status import read_status


def status(**changes: Any) -> dict[str, Any]:
    return {"phase": "bootstrapping", "steps": [], "beat": time.perf_counter(), "pid": os.getpid(), **changes}


def test_one_at_work_is_not_stale_and_its_age_is_told() -> None:
    told = heartbeat(status(beat=time.perf_counter() - 5))
    assert told["seconds"] == pytest.approx(5, abs=1)
    assert not told["stale"]


def test_one_that_hangs_is_stale() -> None:
    assert heartbeat(status(beat=time.perf_counter() - STALE_SECONDS - 1))["stale"]


def test_one_that_is_dead_is_stale_at_once() -> None:
    assert heartbeat(status(pid=2**22 + 1))["stale"]


def test_a_beat_of_before_this_start_has_no_age() -> None:
    assert heartbeat(status(beat=time.perf_counter() + 1000)) == {"seconds": None, "stale": True}


@pytest.mark.parametrize("phase", ["ready", "failed"])
def test_one_that_has_ended_is_not_stale(phase: str) -> None:
    assert not heartbeat(status(phase=phase, pid=2**22 + 1))["stale"]


def test_nothing_is_known_of_an_older_version() -> None:
    assert heartbeat({"phase": "bootstrapping", "updated": "2020-01-01T00:00:00Z"}) == {"seconds": None, "stale": False}


@pytest.mark.parametrize("damaged", [b"", b"\0" * 300, b'{"phase": "boot', b"[]"])
def test_a_lost_status_is_stale(installed: Machine, damaged: bytes) -> None:
    (installed.state / "status.json").write_bytes(damaged)
    told = read_status(installed.root)
    assert (told["phase"], told["heartbeat"]["stale"]) == ("bootstrapping", True)


@pytest.mark.parametrize("damaged", [b"", b"\0" * 300, b"{}", b'{"supervisor": {}}'])
def test_a_damaged_state_of_the_demo_is_none(installed: Machine, damaged: bytes) -> None:
    (installed.state / "demo.json").write_bytes(damaged)
    assert read_status(installed.root)["demo"] is None


def test_the_wall_clock_may_jump(installed: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(installed.state / "status.json", status())
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert not read_status(installed.root)["heartbeat"]["stale"]


def row(step: str, state: str, error: str | None = None, hint: str = "") -> dict[str, Any]:
    return {"id": f"{step}.bin", "step": step, "state": state, "error": error, "hint": hint}


def told(machine: Machine, *files: Any) -> dict[str, Any]:
    """Trouble with downloads by step, as the status tells it."""
    steps = [
        {"name": name, "state": state} for name, state in (("torch", "running"), ("model", "pending"), ("a", "done"))
    ]
    write_json(machine.state / "status.json", status(steps=steps))
    write_json(machine.state / "downloads.json", {"schema": 1, "files": list(files)})
    return {step["name"]: step["download"] for step in read_status(machine.root)["steps"] if "download" in step}


def test_a_failed_download_of_a_later_step_is_told_at_once(installed: Machine) -> None:
    assert told(installed, row("torch", "running"), row("model", "failed", "HTTP 404", "Set modelSources.")) == {
        "model": {"state": "failed", "file": "model.bin", "message": "HTTP 404", "hint": "Set modelSources."}
    }


def test_waiting_for_room_is_told_and_waiting_for_another_file_is_not(installed: Machine) -> None:
    waits = row("model", "waiting", "waits for room on the disk", "Delete old runs.")
    assert told(installed, row("torch", "waiting", "waits until x has given one whole file"), waits).keys() == {"model"}


def test_a_failure_outweighs_waiting_and_a_finished_step_has_no_trouble(installed: Machine) -> None:
    waits, failed = row("model", "waiting", "waits for room", "x"), row("model", "failed", "HTTP 404")
    for files in ((waits, failed), (failed, waits)):
        assert told(installed, *files, row("a", "failed", "old"))["model"]["state"] == "failed"


@pytest.mark.parametrize("content", ["", "[]", '{"files": 3}', "\0\0"])
def test_a_damaged_list_of_downloads_does_not_break_the_status(installed: Machine, content: str) -> None:
    write_json(installed.state / "status.json", status(steps=[{"name": "torch", "state": "running"}]))
    (installed.state / "downloads.json").write_text(content, encoding="utf-8")
    assert read_status(installed.root)["steps"] == [{"name": "torch", "state": "running"}]


def test_an_installation_is_at_work_until_it_has_ended_died_or_hangs(installed: Machine) -> None:
    def told(**changes: Any) -> bool:
        write_json(installed.state / "status.json", status(beat=time.perf_counter(), **changes))
        return is_installing(installed.root)

    assert not is_installing(installed.root)
    assert told()
    assert not told(phase="ready")
    assert not told(phase="failed")
    assert not told(pid=2**22 + 1)
