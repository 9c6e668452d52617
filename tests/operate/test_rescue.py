"""A machine that does not answer: asked over TAT, set right, and packed for others without a secret."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from line.demo_certificate import make
from line.rescue import Sighting
from operate.errors import ExitCode
from operate.session import Session
from operate.stacks import Stack
from operate.support import mask
from tests.operate.agents import ScriptedAgent
from tests.operate.conftest import Chatglm, LocalCloud, make_stack


@pytest.fixture
def silent() -> Stack:
    """A stack whose machine answers nothing at its address."""
    config = {"chatglm:adminPassword": "Canary-Admin-1", "chatglm:operatorCidrs": '["203.0.113.7/32"]'}
    outputs = {"machineId": "ins-1", "address": "127.0.0.1", "zone": "ap-guangzhou-3"}
    return make_stack(config=config, outputs=outputs)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedAgent]:
    made = ScriptedAgent({"schema": 1, "phase": "ready", "steps": [], "machine": "ins-1"})
    monkeypatch.setattr(Session, "find_agent", lambda _: made)
    return made  # type: ignore[return-value]


def test_status_goes_over_tat_when_winrm_does_not_answer_and_says_so(
    chatglm: Chatglm, silent: Stack, agent: ScriptedAgent, cloud: LocalCloud
) -> None:
    asked = chatglm(replace(silent, environment=cloud.environment), "status", "--json")
    assert json.loads(asked.stdout)["guest"]["machine"] == "ins-1"
    shown = chatglm(replace(silent, environment=cloud.environment), "status")
    assert "Asking Tencent's automation agent (TAT) instead." in shown.stderr


def test_logs_go_over_tat_too(chatglm: Chatglm, silent: Stack, agent: ScriptedAgent) -> None:
    assert chatglm(silent, "logs", "bootstrap").stdout.splitlines()[-1] == "done"


def test_a_look_shows_windows_and_the_ends_of_logs_and_starts_nothing(
    chatglm: Chatglm, silent: Stack, agent: ScriptedAgent
) -> None:
    told = chatglm(silent, "rescue", "--look")
    assert told.exit_code == 0, told.output
    assert "the service WinRM: Stopped" in told.stderr
    assert "executing user data" in told.stderr
    assert "Canary-Admin-1" not in told.output
    assert agent.verbs == []


def test_rescue_hands_over_the_settings_which_opens_the_channel(
    chatglm: Chatglm, silent: Stack, agent: ScriptedAgent, cloud: LocalCloud
) -> None:
    told = chatglm(replace(silent, environment=cloud.environment), "rescue", "--json")
    assert told.exit_code == 0, told.output
    assert agent.verbs[-1] == "configure"
    assert json.loads(told.stdout)["started"] is True


def test_without_an_agent_what_is_left_is_said(
    chatglm: Chatglm, silent: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "find_agent", lambda _: None)
    told = chatglm(silent, "rescue")
    assert told.exit_code == ExitCode.NO_CONNECTION
    assert "VNC" in told.stderr
    assert "image" in told.stderr


def test_a_parked_stack_has_no_machine_to_rescue(chatglm: Chatglm) -> None:
    told = chatglm(make_stack(config={"chatglm:state": "parked"}), "rescue")
    assert told.exit_code == ExitCode.PARKED
    assert "parked" in told.stderr


def test_the_support_zip_holds_what_helps_and_no_secret(
    chatglm: Chatglm, silent: Stack, agent: ScriptedAgent, cloud: LocalCloud, tmp_path: Path
) -> None:
    file = tmp_path / "help.zip"
    told = chatglm(replace(silent, environment=cloud.environment), "support", "--file", str(file), "--json")
    assert told.exit_code == 0, told.output
    with zipfile.ZipFile(file) as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert {"versions.json", "settings.json", "status.json", "cloud.json", "inside.txt"} <= set(held)
    assert "logs/bootstrap.log" in held
    everything = "\n".join(held.values())
    for secret in ("Canary-Admin-1", cloud.environment["TENCENTCLOUD_SECRET_KEY"], "203.0.113.7"):
        assert secret not in everything, secret
    assert "the password is ***" in held["logs/bootstrap.log"]


@pytest.mark.parametrize("output", ["adminPassword", "demoPassword"])
def test_a_password_of_the_launch_that_is_in_no_setting_any_more_is_masked_too(
    chatglm: Chatglm, silent: Stack, agent: ScriptedAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    agent.password = "Canary-Launch-0"
    held = {output: agent.password}
    monkeypatch.setattr("operate.stacks.read_secret", lambda _, name: held.get(name, ""))
    looked = chatglm(silent, "rescue", "--look")
    assert looked.exit_code == 0, looked.output
    assert agent.password not in looked.output
    file = tmp_path / "help.zip"
    assert chatglm(silent, "support", "--file", str(file)).exit_code == 0
    with zipfile.ZipFile(file) as archive:
        everything = "\n".join(archive.read(name).decode() for name in archive.namelist())
    assert "the password is ***" in everything
    assert agent.password not in everything


def test_support_without_machine_and_cloud_says_why_each_part_is_missing(
    chatglm: Chatglm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "help.zip"
    assert chatglm(make_stack(), "support", "--file", str(file)).exit_code == 0
    with zipfile.ZipFile(file) as archive:
        assert archive.read("cloud.json").startswith(b"could not be had: ")


def test_a_secret_within_another_leaves_no_rest_and_local_addresses_stay() -> None:
    assert mask("abc123 abc 127.0.0.1 8.8.8.8", ["abc123", "abc"]) == "*** *** 127.0.0.1 a.b.c.d"
    assert mask('{"p": "a\\"b"}', ['a"b']) == '{"p": "***"}'
    # A certificate names the machine's address where no text shows it.
    pem = make("203.0.113.9", datetime.now(UTC)).certificate
    assert mask(json.dumps({"certificate": pem}), []) == '{"certificate": "***\\n"}'


def test_a_sighting_says_first_that_the_user_data_never_ran() -> None:
    assert Sighting(False, None, {"x": "y"}, {}).lines()[0].startswith("The user data has not run")
