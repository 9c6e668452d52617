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
from operate.stacks import stack_file
from tests.stacks import open_stack
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
def workspace(control: tuple[Control, int, Path], tmp_path: Path) -> Workspace:
    _, port, data = control
    return open_stack(tmp_path / "stack", data, port)


@pytest.fixture
def run(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line on a new stack. The home folder is the test's own: known certificates lie there."""
    monkeypatch.setenv("HOME", str(tmp_path))
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


def test_the_whole_life_by_command(run: Run, control: tuple[Control, int, Path], workspace: Workspace) -> None:
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
    file = stack_file(workspace.project, workspace.stack)
    before = file.read_bytes()
    plan = told(run("destroy", "--plan", "--json", "--drop-image"))["plan"]
    assert plan["announcements"] == ["The images are deleted with their snapshots."]
    kept = told(run("destroy", "--plan", "--json"))["plan"]
    assert "The newest image stays" in kept["announcements"][-1]
    ended = run("destroy", "--yes", "--drop-image")
    assert (ended.exit_code, cloud.meter().hourly_cny, cloud.images()) == (0, 0, [])
    assert "stays" not in ended.stderr
    assert file.read_bytes() == before  # the choice was for this once


@pytest.mark.whole
def test_a_machine_is_saved_before_the_end_and_a_named_image_is_used_once(
    run: Run, control: tuple[Control, int, Path], workspace: Workspace
) -> None:
    cloud = control[0]
    told(run("up", "--yes", "--json"))
    file = stack_file(workspace.project, workspace.stack)
    before = file.read_bytes()
    ended = told(run("destroy", "--park", "--yes", "--json"))
    assert set(ended) == {"park", "destroy"}
    assert cloud.instances() == []
    (image,) = cloud.images()
    assert file.read_bytes() == before  # the stack still wants to run
    again = run("destroy", "--yes", "--drop-image")  # no state holds the image any more: nothing is claimed of it
    assert (again.exit_code, image.id in again.stderr) == (1, True), again.stderr
    assert "are deleted" not in again.stderr

    restored = told(run("restore", "--image", image.id, "--yes", "--json"))
    assert restored["plan"]["settings"] == {"chatglm:state": "running", "chatglm:restoreImageId": image.id}
    assert [one.image_id for one in cloud.instances()] == [image.id]
    assert file.read_bytes() == before
    assert workspace.preview("--expect-no-changes").ok  # nothing hangs on the choice that was made once
