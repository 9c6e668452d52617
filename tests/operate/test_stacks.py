"""Stacks as the real engine holds them; nothing is brought up for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from operate import stacks
from operate.errors import ExitCode, OperateError
from operate.queries import explain_engine
from operate.stacks import Stack, open_stack
from rehearsal.environment import ROOT
from tools.workspace import Workspace

pytestmark = pytest.mark.e2e

OUTPUTS = {"machineId": "ins-1", "address": "127.9.8.7", "zone": "ap-guangzhou-4", "demoUrl": "http://127.9.8.7:7860"}


@pytest.fixture(scope="module")
def workspace(started_cloud: tuple[int, Path], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A stack whose last update left outputs."""
    port, data = started_cloud
    made = Workspace(tmp_path_factory.mktemp("stacks") / "stack", data, port, stack="kept")
    exported: dict[str, Any] = json.loads(made.pulumi("stack", "export", check=True).text)
    urn = "urn:pulumi:kept::chatglm::pulumi:pulumi:Stack::chatglm-kept"
    resource = {"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": OUTPUTS}
    exported["deployment"]["resources"] = [resource]
    made.pulumi("stack", "import", stdin=json.dumps(exported), check=True)
    return made


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.chdir(workspace.project)
    for name, value in workspace.environment.items():
        monkeypatch.setenv(name, value)
    return workspace


def test_a_stack_is_read_with_its_secrets_kept_in_memory(here: Workspace) -> None:
    stack = open_stack("kept")
    assert (stack.id, stack.region, stack.zone) == ("organization/chatglm/kept", "ap-guangzhou", "ap-guangzhou-4")
    assert stack.settings.admin_password.get_secret_value() == here.password
    assert stack.settings.operator_cidrs == ("127.0.0.1/32",)
    assert stack.access is not None
    assert here.password not in repr(stack)


def test_without_a_name_the_selected_stack_is_meant(here: Workspace) -> None:
    here.pulumi("stack", "select", "kept", check=True)
    assert open_stack(None).name == "kept"


def test_without_any_stack_the_rehearsal_is_recommended(
    here: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stacks, "LOCAL", tmp_path)
    monkeypatch.setattr(stacks, "_selected", lambda *_: None)
    with pytest.raises(OperateError, match="none is selected") as caught:
        open_stack(None)
    assert "make up" in caught.value.hint


def test_only_this_clones_own_cloud_counts_for_its_rehearsal(
    started_cloud: tuple[int, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port, _ = started_cloud
    monkeypatch.setattr(stacks, "is_rehearsal", lambda _: True)
    monkeypatch.setattr(stacks, "LOCAL", tmp_path)
    (tmp_path / "cloud").mkdir()
    # The folder's own cloud has ended, and another clone's cloud has got its port since.
    (tmp_path / "cloud" / "run.json").write_text(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": 1}))
    with pytest.raises(OperateError, match="local cloud does not run") as caught:
        stacks.demand_rehearsal(Stack("local", "organization/chatglm/local"))
    assert caught.value.code is ExitCode.NO_CONNECTION


def test_an_unknown_stack_is_one_plain_message(here: Workspace) -> None:
    with pytest.raises(OperateError, match="No stack named") as caught:
        open_stack("nowhere")
    assert caught.value.code is ExitCode.BAD_INPUT


def test_a_removed_stack_is_opened_only_for_those_who_look_for_what_it_left(here: Workspace) -> None:
    left = open_stack("removed", lost_too=True)
    assert (left.exists, left.id, left.region) == (False, "organization/chatglm/removed", "ap-guangzhou")
    assert left.access is not None
    assert open_stack("kept", lost_too=True).exists


def test_a_wrong_passphrase_is_told(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "wrong")
    with pytest.raises(OperateError, match="passphrase") as caught:
        open_stack("kept")
    assert caught.value.code is ExitCode.TURNED_AWAY


def test_an_engine_that_is_not_there_is_told(here: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(stacks, "ENGINE_HOME", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(OperateError, match="not installed"):
        open_stack("kept")


def test_the_command_is_a_program_of_its_own(here: Workspace) -> None:
    command = [sys.executable, "-m", "operate", "cost", "--stack", "kept", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["region"] == "ap-guangzhou"


def test_wrong_settings_are_told_before_the_engine_is_started(here: Workspace) -> None:
    here.set({"chatglm:systemDiskGb": "7"})
    try:
        run = subprocess.run(
            [sys.executable, "-m", "operate", "up", "--stack", "kept", "--yes"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        here.pulumi("config", "rm", "chatglm:systemDiskGb", check=True)
    assert run.returncode == 2
    assert "chatglm:systemDiskGb" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("error: no stack named 'x' found", ExitCode.BAD_INPUT),
        ("error: something else", ExitCode.FAILED),
        ("", ExitCode.FAILED),
    ],
)
def test_the_engines_complaints_become_messages(text: str, code: ExitCode) -> None:
    assert explain_engine(text).code is code


def test_the_organization_of_pulumi_cloud_is_part_of_a_stacks_name() -> None:
    assert stacks._organization(ROOT, {}, "acme/chatglm/dev") == "acme"
    assert stacks._organization(ROOT, {"PULUMI_BACKEND_URL": "s3://bucket"}, "dev") == "organization"


def test_another_projects_folder_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: other\n", encoding="utf-8")
    assert stacks.find_project(tmp_path) == ROOT
    (tmp_path / "Pulumi.yaml").write_text("name: chatglm\n", encoding="utf-8")
    assert stacks.find_project(tmp_path) == tmp_path


def test_a_machine_without_a_stack_has_no_address() -> None:
    assert Stack("new", "organization/chatglm/new").address == ""
