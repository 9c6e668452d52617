"""Options and settings that could cost the work: each is safe, or refused with the reason."""

from __future__ import annotations

import json

import pytest

from tests.safety.conftest import unchanged

pytestmark = pytest.mark.e2e


def machine_urn(world) -> str:
    exported = json.loads(world.stack.pulumi("stack", "export", check=True).text)
    [urn] = [
        each["urn"]
        for each in exported["deployment"]["resources"]
        if each["type"].endswith("Instance/instance:Instance") and "::machine-" in each["urn"]
    ]
    return str(urn)


def machines(world) -> list[str]:
    return [machine.instance_id for machine in world.machines()]


def test_a_running_machine_without_an_image_is_not_destroyed(before) -> None:
    world = before("park")
    world.stack.set({"chatglm:state": "running"})
    here = machines(world)
    refused = world.stack.destroy()
    assert not refused.ok
    assert "its work would be lost. Park it first" in refused.text
    assert machines(world) == here
    assert world.stack.up().ok, "what the destroy took down around the machine comes back"
    assert machines(world) == here


@pytest.mark.whole
def test_a_destroy_without_the_program_is_refused_by_the_engine(before) -> None:
    world = before("park")
    here = machines(world)
    refused = world.stack.pulumi("destroy", "--yes", "--skip-preview", more={"PULUMI_RUN_PROGRAM": "false"})
    assert not refused.ok
    assert "--run-program" in refused.text
    assert machines(world) == here


def test_an_older_image_is_no_proof(before) -> None:
    world = before("second-park")
    world.stack.set({"chatglm:state": "running"})
    here = machines(world)
    assert world.normal_images(), "the image that the machine was restored from"
    assert "was not terminated" in world.stack.destroy().text
    assert machines(world) == here


@pytest.mark.parametrize("command", [pytest.param("up", marks=pytest.mark.whole), "destroy"])
def test_target_does_not_get_past_the_proof(before, command: str) -> None:
    world = before("park")
    here = machines(world)
    refused = world.stack.pulumi(command, "--yes", "--skip-preview", "--target", machine_urn(world))
    assert not refused.ok
    assert "was not terminated" in refused.text
    assert machines(world) == here
    parked = world.stack.up()
    assert parked.ok, parked.text


@pytest.mark.parametrize(
    ("options", "more"), [(["--continue-on-error"], {}), ([], {"PULUMI_CONTINUE_ON_ERROR": "true"})]
)
@pytest.mark.whole
def test_going_on_after_errors_does_not_get_past_the_proof(before, options: list[str], more: dict[str, str]) -> None:
    world = before("park")
    here = machines(world)
    world.served.control.fault("CreateImage", "error", code="InvalidInstance.NotSupported")
    refused = world.stack.up(None, *options, more=more)
    assert not refused.ok
    assert machines(world) == here
    assert world.stack.up().ok
    assert machines(world) == []


@pytest.mark.parametrize("option", ["--replace", pytest.param("--target-replace", marks=pytest.mark.whole)])
def test_a_living_machine_is_not_replaced(before, option: str) -> None:
    world = before("park")
    world.stack.set({"chatglm:state": "running"})
    here = machines(world)
    refused = world.stack.up(None, option, machine_urn(world))
    assert not refused.ok
    assert "may not be replaced" in refused.text, refused.text
    assert machines(world) == here
    assert unchanged(world.stack)


@pytest.mark.whole
def test_a_machine_whose_tags_were_taken_away_is_still_the_stacks_own(before) -> None:
    world = before("park")
    here = machines(world)
    world.stack.set({"chatglm:state": "running"})
    with world.server.cloud.lock, world.server.cloud.db.transaction():
        world.server.cloud.db.instances.change(here[0], tags={})
    marked = world.stack.up()
    assert marked.ok, marked.text
    assert "has lost its owner's mark: it is marked again" in marked.text
    assert unchanged(world.stack)
    assert machines(world) == here
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert machines(world) == []
    assert len(world.normal_images()) == 1


@pytest.mark.whole
def test_a_living_machine_keeps_what_a_change_would_wipe_stop_or_replace(before) -> None:
    world = before("park")
    here, last = machines(world), max(call.seq for call in world.served.control.journal())
    world.stack.set(
        {
            "chatglm:state": "running",
            "chatglm:imageId": "img-9tzezztj",
            "chatglm:hostname": "another",
            "chatglm:instanceType": "GN7.5XLARGE80",
            "chatglm:systemDiskGb": "100",
            "chatglm:systemDiskType": "CLOUD_PREMIUM",
            "chatglm:zones[0]": "ap-guangzhou-4",
            "chatglm:chargeType": "hourly",
        }
    )
    world.stack.pulumi("config", "set", "--secret", "chatglm:adminPassword", stdin="Another-Pass-2022", check=True)
    kept = world.stack.up()
    assert kept.ok, kept.text
    assert machines(world) == here
    calls = {call.action for call in world.served.control.journal(last)}
    assert calls, "the program looked at the cloud"
    assert not [action for action in calls if not action.startswith(("Describe", "Inquiry", "Get"))], calls
