"""`pulumi up` ends when the demo answers, or says in which step the installation failed."""

from __future__ import annotations

import urllib.request

import pytest

from localcloud.guest.faults import FaultKind, FaultQueue
from localcloud.guest.installation import TRIES

pytestmark = pytest.mark.e2e


def page(url: str, user: str, password: str) -> str:
    """The demo's page, as a browser with the login gets it; past any proxy."""
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, user, password)
    login = urllib.request.HTTPBasicAuthHandler(passwords)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), login)
    with opener.open(url, timeout=10) as answer:
        return str(answer.read().decode("utf-8"))


def test_an_update_ends_with_a_demo_that_answers_and_says_that_it_is_simulated(cloud, stack) -> None:
    up = stack.up("running")
    assert up.ok, up.text
    assert "The demo answers" in up.text
    outputs = stack.outputs()
    password = stack.pulumi("stack", "output", "demoPassword", "--show-secrets", check=True).text.strip()
    assert "simulated" in page(outputs["demoUrl"], outputs["demoUser"], password)


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


def test_a_restored_machine_downloads_nothing(cloud, stack) -> None:
    assert stack.up("running").ok
    assert stack.up("parked").ok
    restored = stack.up("running")
    assert restored.ok, restored.text
    assert "The demo answers" in restored.text
    assert "MB/s" not in restored.text


def test_who_does_not_want_to_wait_does_not(cloud, stack) -> None:
    stack.set({"chatglm:waitReady": "false"})
    up = stack.up("running")
    assert up.ok, up.text
    assert "steps done" not in up.text
