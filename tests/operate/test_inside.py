"""A running machine that lets nobody in: doctor asks its agent what it looks like from inside."""

from __future__ import annotations

from typing import Any

import pytest

from components.stock import launch_request
from line.channel import UnreachableError
from operate.doctor.examination import examine
from operate.findings import Finding, Verdict
from operate.inside import check_inside
from operate.stacks import Stack
from tencent.facts import TAG_EDITION, TAG_LAUNCH, TAG_OWNER, TAG_STACK
from tests.e2e.conftest import free_port

from .agents import ScriptedAgent
from .conftest import LocalCloud, make_stack

OWNER, EDITION = "aaaaaaaaaaaa", "3-0123abcd"


@pytest.fixture
def shut(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose machine runs, and listens nowhere."""
    # On this computer the machines of other tests have the same addresses, and listen at the usual port.
    monkeypatch.setattr("operate.doctor.reach.WINRM_PORT", free_port())
    marks = {TAG_STACK: "organization/chatglm/test", TAG_LAUNCH: "l", TAG_OWNER: OWNER, TAG_EDITION: EDITION}
    tags = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in marks.items()]}]
    request = launch_request(make_stack().settings, "ap-guangzhou-3", "img-m07ny34j")
    answer = cloud.api.call("cvm", "RunInstances", **request, TagSpecification=tags)
    cloud.control.advance(60)
    outputs = {"zone": "ap-guangzhou-3", "identity": OWNER, "edition": EDITION, "machineId": answer["InstanceIdSet"][0]}
    return make_stack(environment=cloud.environment, outputs=outputs)


def inside(findings: list[Finding]) -> list[Finding]:
    return [one for one in findings if one.check == "inside"]


def test_what_the_agent_sees_is_told_with_the_command_that_mends_it(shut: Stack, cloud: LocalCloud) -> None:
    agent = ScriptedAgent({"schema": 1, "phase": "failed", "steps": []})
    [found] = inside(examine(shut, cloud.api, lambda: agent))
    assert found.verdict is Verdict.WARNING
    assert found.text == "installation: failed; the service WinRM: Stopped"
    assert "chatglm rescue" in found.advice
    assert agent.verbs == []


def test_without_an_agent_what_is_left_is_said(shut: Stack, cloud: LocalCloud) -> None:
    [found] = inside(examine(shut, cloud.api, lambda: None))
    assert "does not answer either" in found.text
    assert "VNC" in found.advice


def test_a_stack_without_a_machine_asks_no_agent(cloud: LocalCloud) -> None:
    def find() -> None:
        raise AssertionError("nobody is to be asked")

    assert inside(examine(make_stack(environment=cloud.environment), cloud.api, find)) == []


def test_an_agent_that_falls_silent_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> tuple[int, bytes]:
        raise UnreachableError("the agent is offline")

    agent = ScriptedAgent(None)
    monkeypatch.setattr(agent, "run_script", fail)
    [found] = check_inside(agent, list)
    assert (found.verdict, "the agent is offline" in found.text) == (Verdict.WARNING, True)
