"""Looked at from elsewhere, a stack is not gone: each command is refused, and at home nothing has changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.home import RECORD
from tests.safety.conftest import unchanged
from tests.sweep.world import World

pytestmark = pytest.mark.e2e

COMMANDS = (["preview"], ["up", "--yes", "--skip-preview"], ["destroy", "--yes", "--skip-preview"])
REFRESHES = (["refresh", "--yes", "--skip-preview"], ["up", "--refresh", "--yes", "--skip-preview"])
PLAIN = {"PULUMI_RUN_PROGRAM": "false"}


def keys_of(key: Any) -> dict[str, str]:
    return {"TENCENTCLOUD_SECRET_ID": key.secret_id, "TENCENTCLOUD_SECRET_KEY": key.secret_key}


def things(world: World) -> list[str]:
    """Everything that the cloud holds, and all that the state says."""
    db = world.server.cloud.db
    with world.server.cloud.lock:
        cloud = [str(each) for table in (db.instances, db.images, db.vpcs, db.security_groups) for each in table]
    return [*cloud, json.dumps(ids(world))]


def ids(world: World) -> list[str]:
    exported = json.loads(world.stack.pulumi("stack", "export", check=True).text)
    return sorted(
        each["id"] for each in exported["deployment"]["resources"] if each["type"].startswith("tencentcloud:")
    )


def test_from_another_region_a_running_machine_is_not_gone(before) -> None:
    world = before("park")
    world.stack.set({"chatglm:state": "running"})
    here = things(world)
    world.stack.set({"tencentcloud:region": "ap-shanghai"})
    for command in (*COMMANDS, *REFRESHES):
        refused = world.stack.pulumi(*command)
        assert not refused.ok, command
        assert "lives in account 100000000001, region ap-guangzhou" in refused.text, command
        assert "pulumi config set tencentcloud:region ap-guangzhou" in refused.text
    plain = world.stack.pulumi(*REFRESHES[0], more=PLAIN)
    assert plain.ok, "the provider in the state looks where the stack lives"
    assert things(world) == here
    world.stack.set({"tencentcloud:region": "ap-guangzhou"})
    assert unchanged(world.stack)


def test_from_another_account_a_parked_image_is_not_gone(before) -> None:
    world = before("restore")
    here = things(world)
    other = keys_of(world.served.control.add_account("colleague"))
    for command in (*COMMANDS, *REFRESHES):
        refused = world.stack.pulumi(*command, more=other)
        assert not refused.ok, command
        assert "keys of the account 100000000001" in refused.text, command
    plain = world.stack.pulumi(*REFRESHES[0], more={**other, **PLAIN})
    assert "account ID not allowed" in plain.text
    assert things(world) == here


@pytest.mark.whole
def test_a_colleagues_user_and_a_role_of_the_account_are_at_home(before) -> None:
    world = before("park")
    world.stack.set({"chatglm:state": "running"})
    user = keys_of(world.served.control.add_user("intern"))
    assert world.stack.pulumi("preview", "--expect-no-changes", more=user).ok
    other = world.served.control.add_account("colleague")
    arn = world.served.control.add_role("operator", trusted=["colleague"])
    role = {"TENCENTCLOUD_ASSUME_ROLE_ARN": arn, "TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME": "night"}
    parked = world.stack.up("parked", more={**keys_of(other), **role})
    assert parked.ok, parked.text
    assert (len(world.normal_images()), world.machines()) == (1, [])


@pytest.mark.whole
def test_what_a_refresh_from_elsewhere_forgot_is_taken_back(before) -> None:
    world = before("park")
    world.stack.set({"chatglm:state": "running"})
    # The official plug-in cannot ask a local cloud whose keys it has: nothing keeps a plain refresh from forgetting.
    world.stack.environment["CHATGLM_STAND_IN"] = "false"
    assert world.stack.up().ok
    owned = things(world)
    other = keys_of(world.served.control.add_account("colleague"))
    world.stack.pulumi(*REFRESHES[0], more={**other, **PLAIN})
    assert not [each for each in ids(world) if each.startswith(("ins-", "vpc-", "subnet-"))], "all of it is forgotten"
    refused = world.stack.pulumi(*COMMANDS[2], more=other)
    assert "lives in account 100000000001" in refused.text
    healed = world.stack.up()
    assert healed.ok, healed.text
    assert things(world) == owned
    assert unchanged(world.stack)
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert world.machines() == []


def with_the_engines_own_provider(world: World) -> None:
    """Bring the state to what earlier versions left: the engine's default provider, and no home."""
    exported = json.loads(world.stack.pulumi("stack", "export", check=True).text)
    resources = exported["deployment"]["resources"]
    [own] = [each for each in resources if each["type"] == "pulumi:providers:tencentcloud"]
    name = "default_" + own["inputs"]["version"].replace(".", "_")
    urn = "::".join([*own["urn"].split("::")[:2], "pulumi:providers:tencentcloud", name])
    settled = {key: own["inputs"][key] for key in ("region", "version", "pluginDownloadURL") if key in own["inputs"]}
    default = {**own, "urn": urn, "inputs": settled, "outputs": settled, "dependencies": [], "propertyDependencies": {}}
    default.pop("parent", None)
    gone = {own["urn"], *(each["urn"] for each in resources if each["type"] == RECORD)}
    kept = []
    for each in resources:
        if each["urn"] in gone:
            continue
        if each.get("provider", "").startswith(own["urn"]):
            each["provider"] = f"{urn}::{own['id']}"
        each["dependencies"] = [one for one in each.get("dependencies") or [] if one not in gone]
        if each["type"] == "pulumi:pulumi:Stack":
            for output in ("accountId", "region"):
                each["outputs"].pop(output, None)
        kept.append(each)
    exported["deployment"]["resources"] = [*kept[:1], default, *kept[1:]]
    world.stack.pulumi("stack", "import", stdin=json.dumps(exported), check=True)


@pytest.mark.whole
def test_a_state_of_a_version_without_a_provider_of_its_own_moves_to_it_and_nothing_is_made_anew(before) -> None:
    world = before("second-park")
    world.stack.set({"chatglm:state": "running"})
    with_the_engines_own_provider(world)
    owned = things(world)
    moved = world.stack.up()
    assert moved.ok, moved.text
    assert "From now on this stack is known to live in account 100000000001" in moved.text
    assert things(world) == owned
    exported = json.loads(world.stack.pulumi("stack", "export", check=True).text)["deployment"]["resources"]
    made = [each for each in exported if each["type"].startswith("tencentcloud:")]
    assert made
    assert all("::tencentcloud::" in each["provider"] and "default" not in each["provider"] for each in made)
    assert unchanged(world.stack)
    parked = world.stack.up("parked")
    assert parked.ok, parked.text
    assert (world.machines(), len(world.normal_images())) == ([], 1)


def test_a_destroy_that_keeps_the_image_says_where_it_lies(before) -> None:
    world = before("restore")
    [image] = world.normal_images()
    gone = world.stack.destroy()
    assert gone.ok, gone.text
    [last] = [line for line in gone.text.splitlines() if "stays, and costs money" in line][-1:]
    assert f"({image.id})" in last
    assert "account 100000000001, region ap-guangzhou" in last


@pytest.mark.whole
def test_whose_keys_they_are_is_asked_once_in_an_update_besides_the_plugin(before) -> None:
    world = before("restore")
    last = max(call.seq for call in world.served.control.journal())
    assert world.stack.preview().ok
    asked = [call for call in world.served.control.journal(last) if call.action == "GetCallerIdentity"]
    assert len(asked) <= 2, "the program's call, and the plug-in's own"
