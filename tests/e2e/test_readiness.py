"""`pulumi up` ends when the demo answers, or says in which step the installation failed."""

from __future__ import annotations

import httpx
import pytest

from localcloud.windows.faults import FaultKind, FaultQueue
from localcloud.windows.installation import TRIES
from tests.waiting import HANG_SECONDS

pytestmark = pytest.mark.e2e


def page(url: str, user: str, password: str) -> str:
    """The demo's page, as somebody gets it who has filled in its form; past any proxy."""
    with httpx.Client(base_url=url, trust_env=False, timeout=HANG_SECONDS, follow_redirects=True) as browser:
        browser.post("/login", data={"username": user, "password": password}).raise_for_status()
        return browser.get("/").raise_for_status().text


def test_an_update_ends_with_a_demo_that_answers_and_says_that_it_is_simulated(cloud, stack) -> None:
    up = stack.up("running")
    assert up.ok, up.text
    assert "The demo answers" in up.text
    outputs = stack.outputs()
    password = stack.pulumi("stack", "output", "demoPassword", "--show-secrets", check=True).text.strip()
    inside = page(outputs["demoUrl"], outputs["demoUser"], password)
    assert "simulated" in inside
    assert 'id="ask"' in inside, "somebody who is logged in may ask"


def test_a_failed_installation_fails_the_update_with_step_error_and_hint_and_the_next_waits_again(cloud, stack) -> None:
    FaultQueue(cloud.data).add(FaultKind.INSTALL_FAILS, step="driver", times=TRIES)
    failed = stack.up("running")
    assert not failed.ok
    assert "The installation failed in the step NVIDIA" in failed.text
    assert "The machine stays for a look" in failed.text
    assert "Traceback" not in failed.text
    [machine] = cloud.control.instances()
    again = stack.up()
    assert again.ok, again.text
    assert [i.id for i in cloud.control.instances()] == [machine.id], "the machine was not rebuilt"
    assert stack.outputs()["machineId"] == machine.id


@pytest.mark.whole
def test_a_restored_machine_downloads_nothing(cloud, stack) -> None:
    assert stack.up("running").ok
    assert stack.up("parked").ok
    restored = stack.up("running")
    assert restored.ok, restored.text
    assert "The demo answers" in restored.text
    assert "MB/s" not in restored.text


@pytest.mark.whole
def test_who_does_not_want_to_wait_does_not(cloud, stack) -> None:
    stack.set({"chatglm:waitReady": "false"})
    up = stack.up("running")
    assert up.ok, up.text
    assert "steps done" not in up.text
