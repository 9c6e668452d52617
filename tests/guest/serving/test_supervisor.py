"""The demo with real processes: upstream's page is played by the rehearsal."""

from __future__ import annotations

import os
import signal
import threading
import urllib.request
from pathlib import Path

import pytest

from guest.errors import GuestError
from guest.serving import control, state
from guest.serving.control import Demo
from guest.serving.settings import read_settings
from guest.serving.supervisor import Supervisor
from guest.training import deploy
from guest.training.files import read_json, write_json
from guest.training.machine import Machine
from tests.guest.conftest import wait_until


def page(machine: Machine) -> str:
    with urllib.request.urlopen(read_settings(machine.root).local_url) as response:  # noqa: S310 - this computer
        return str(response.read().decode())


def state_of(machine: Machine) -> str:
    return str((state.read_demo(machine.root) or {"state": "none"})["state"])


def test_serve_starts_the_demo_and_stop_ends_it(installed: Machine) -> None:
    told = control.serve(installed, None, 20)["demo"]
    assert (told["state"], told["model"]) == ("answering", "base")
    assert "Serving: base model" in page(installed)
    Demo(installed).stop()
    assert state_of(installed) == "stopped"
    assert not state.answers(read_settings(installed.root).local_url)


def test_serving_what_is_served_leaves_it_alone(installed: Machine) -> None:
    control.serve(installed, None, 20)
    before = read_json(installed.state / "demo.json")
    control.serve(installed, "base", 20)
    assert read_json(installed.state / "demo.json") == before


def test_a_stopped_demo_stays_stopped_over_a_restart_of_its_supervisor(installed: Machine) -> None:
    state.want(installed.root, state.STOPPED)
    supervisor = Supervisor(installed, read_settings(installed.root))
    supervisor.step()
    assert supervisor.child is None
    assert state_of(installed) == "stopped"


def test_a_demo_that_was_killed_is_told_as_failed(installed: Machine) -> None:
    control.serve(installed, None, 20)
    first = (read_json(installed.state / "demo.json") or {})["child"]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: state_of(installed) == "failed")


def test_a_failure_is_told_with_the_end_of_the_log_and_tried_again_later_and_later(
    installed: Machine, tmp_path: Path
) -> None:
    program = tmp_path / "web_demo.py"
    program.write_text("import sys\nprint('no GPU here')\nsys.exit(3)\n", encoding="utf-8")
    serving = {"program": str(program), "directory": str(tmp_path), "arguments": [], "choice": "base"}
    write_json(deploy.serving_file(installed), serving)
    supervisor = Supervisor(installed, read_settings(installed.root), tick=0.01, pauses=(0.01, 0.02))
    ended = threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(ended,))
    thread.start()
    try:
        wait_until(lambda: (state.read_demo(installed.root) or {}).get("failures", 0) >= 2)
        error = (read_json(installed.state / "demo.json") or {})["error"]
        with pytest.raises(GuestError, match="ended with 3"):
            control.serve(installed, None, 20)
    finally:
        ended.set()
        thread.join()
    assert "no GPU here" in error["logTail"]
    assert "no GPU here" in (installed.root / "logs" / "demo.log").read_text(encoding="utf-8")
    assert state_of(installed) == "stopped"


def test_the_log_is_rotated(installed: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guest.serving.supervisor.LOG_BYTES", 1000)
    supervisor = Supervisor(installed, read_settings(installed.root))
    for number in range(200):
        supervisor._log.info("line %d", number)
    files = sorted(path.name for path in (installed.root / "logs").glob("demo.log*"))
    assert files == ["demo.log", "demo.log.1", "demo.log.2", "demo.log.3", "demo.log.4"]
    assert all((installed.root / "logs" / name).stat().st_size <= 1000 for name in files)


def test_what_a_dead_supervisor_left_running_is_ended(installed: Machine) -> None:
    control.serve(installed, None, 20)
    told = read_json(installed.state / "demo.json") or {}
    os.kill(told["supervisor"]["pid"], signal.SIGKILL)
    wait_until(lambda: not (state.read_demo(installed.root) or {})["supervised"])
    assert state_of(installed) == "stopped"
    Demo(installed).stop()
    wait_until(lambda: not state.answers(read_settings(installed.root).local_url))


def test_a_machine_without_a_manifest_cannot_serve(installed: Machine) -> None:
    (installed.root / "manifest.json").unlink()
    with pytest.raises(GuestError, match="does not tell how to serve"):
        read_settings(installed.root)
