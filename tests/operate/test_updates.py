"""up, park, restore and destroy through the real engine, the program and the local cloud, as a person types them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from localcloud.control_client import Control
from operate import app as commands
from operate import channel
from tools.throwaway import local_cloud
from tools.workspace import Workspace

pytestmark = pytest.mark.e2e

Run = Callable[..., Result]


@pytest.fixture
def control(tmp_path: Path) -> Iterator[tuple[Control, int, Path]]:
    data = tmp_path / "cloud"
    with local_cloud(data) as port:
        yield Control(f"http://127.0.0.1:{port}"), port, data


@pytest.fixture
def run(control: tuple[Control, int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on a new stack. The home folder is the test's own: known certificates lie there."""
    _, port, data = control
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(channel, "KNOWN_CERTIFICATES", tmp_path / ".chatglm" / "known-certificates.json")
    workspace = Workspace(tmp_path / "stack", data, port)
    monkeypatch.chdir(workspace.project)
    for name, value in workspace.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(commands.app, [*arguments, "--stack", workspace.stack], env={"COLUMNS": "200"})

    return run


def told(answer: Result, exit_code: int = 0) -> dict[str, Any]:
    assert answer.exit_code == exit_code, answer.output
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_the_whole_life_by_command(run: Run, control: tuple[Control, int, Path]) -> None:
    cloud = control[0]
    assert told(run("doctor", "--json"))["ok"]
    assert told(run("restore", "--yes", "--json"), exit_code=1)["error"]["message"].startswith("There is no image")

    asked = run("up")
    assert asked.exit_code == 6, asked.output
    assert "Launch: a new GN7.2XLARGE32 (spot)" in asked.stderr
    assert "Nobody can be asked here" in asked.stderr
    assert cloud.instances() == []

    up = told(run("up", "--yes", "--json"))
    assert up["outputs"]["demoUrl"].startswith("http://127.")
    assert "demoPassword" not in up["outputs"]
    password = told(run("open", "--password", "--json"))["password"]
    assert (len(password), password == "[secret]") == (24, False)
    status = told(run("status", "--json"))
    assert (status["phase"], status["unknown"]) == ("ready", {})
    bill = told(run("cost", "--json"))
    assert bill["now"]["hourlyCny"] == pytest.approx(cloud.meter().hourly_cny)

    refused = run("destroy", "--yes")
    assert refused.exit_code == 1
    assert "Park it first" in refused.stderr
    parked = told(run("park", "--yes", "--json"))
    assert any("switched off and captured" in line for line in parked["plan"]["announcements"])
    assert [one.state for one in cloud.images()] == ["NORMAL"]
    status = told(run("status", "--json"), exit_code=3)
    assert (status["wanted"], status["machine"], status["image"]["state"]) == ("parked", None, "NORMAL")

    plan = told(run("restore", "--plan", "--json"))["plan"]
    assert told(run("status", "--json"), exit_code=3)["wanted"] == "parked"  # a plan leaves the settings as they were
    assert any(line.startswith("Restore: a new GN7.2XLARGE32") for line in plan["announcements"])
    told(run("destroy", "--yes", "--json", "--drop-image"))
    assert cloud.meter().hourly_cny == 0
