"""Where a stack lives, read from its state; and what is said elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.home import Dwelling, Home, HomeError, Look, can_ask_account, provider_inputs
from tencent.access import Access
from tencent.facts import Facts, Instance

HERE, THERE, OTHER = Home("1", "ap-guangzhou"), Home("1", "ap-shanghai"), Home("2", "ap-guangzhou")
MACHINE = {"type": "tencentcloud:Instance/instance:Instance", "outputs": {"id": "ins-1"}}
VPC = {"type": "tencentcloud:Vpc/instance:Instance", "outputs": {"id": "vpc-1"}}
RECORD = {"type": "chatglm:index:Home", "outputs": {"accountId": "1", "region": "ap-guangzhou"}}
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def stack(**outputs: Any) -> dict[str, Any]:
    return {"type": "pulumi:pulumi:Stack", "outputs": outputs}


def dwelling(*resources: dict[str, Any]) -> Dwelling:
    return Dwelling.from_state({str(number): resource for number, resource in enumerate(resources)})


def test_a_new_stack_lives_nowhere_and_may_go_anywhere() -> None:
    assert dwelling() == Dwelling()
    assert dwelling().judge(THERE) == ""
    assert dwelling(RECORD).judge(THERE) == "", "it owns nothing"


@pytest.mark.parametrize(
    ("here", "way"), [(THERE, "tencentcloud:region ap-guangzhou"), (OTHER, "keys of the account 1")]
)
def test_elsewhere_is_refused_with_both_places_and_the_way_back(here: Home, way: str) -> None:
    reason = dwelling(RECORD, MACHINE, VPC).judge(here)
    assert "lives in account 1, region ap-guangzhou, and owns the machine ins-1, the network vpc-1 there" in reason
    assert f"looking from {here}" in reason
    assert way in reason
    assert dwelling(RECORD, MACHINE).judge(HERE) == ""


def test_a_state_of_an_earlier_version_tells_its_region_by_the_zone() -> None:
    old = dwelling(stack(zone="ap-guangzhou-3", machineId="ins-1"), MACHINE)
    assert old.home == Home("", "ap-guangzhou")
    assert old.judge(HERE) == old.judge(OTHER) == ""
    assert "account" not in old.judge(THERE).partition("To go on")[2]


def test_a_first_update_that_failed_has_left_its_home_too() -> None:
    assert "the network vpc-1" in dwelling(RECORD, VPC).judge(THERE)


def test_what_the_outputs_name_and_the_state_lacks_was_forgotten() -> None:
    outputs = stack(machineId="ins-1", vpcId="vpc-1", subnetId="subnet-1", captures=[{"imageId": "img-1"}])
    found = dwelling(RECORD, outputs, VPC)
    assert dict(found.forgotten) == {"machine": "ins-1", "subnet": "subnet-1", "image": "img-1"}
    assert ("machine", "ins-1") in found.owned


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """Run something to its end in a loop of its own: the tests with Pulumi's mocks need the thread's loop as it is."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


@dataclass
class Account:
    """An account that answers which parts of a network it has."""

    parts: set[str] = field(default_factory=set)

    def network_part_exists(self, name: str) -> bool:
        return name in self.parts


def arrive(found: Dwelling, account: str, facts: Facts = Facts(NOW, (), ()), discard: bool = False) -> Any:  # noqa: B008
    async def run() -> Any:
        context: Any = SimpleNamespace(
            region="ap-guangzhou", cloud=Account({"vpc-1"}), settings=SimpleNamespace(discard=discard)
        )
        answered: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        answered.set_result((account, "" if account else "Denied."))
        return await Look(context, found, answered).arrive(facts)

    return finish(run())


@pytest.fixture(autouse=True)
def update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)


def test_whose_keys_they_are_must_be_known_where_something_is_owned(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HomeError, match=r"could not be asked, and this stack lives in account 1.*Denied"):
        arrive(dwelling(RECORD, MACHINE), "")
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert arrive(dwelling(RECORD, MACHINE), "").home == HERE
    assert arrive(dwelling(), "").home == Home("", "ap-guangzhou")


def test_an_earlier_versions_stack_is_taken_home_where_something_of_it_is_seen() -> None:
    old = dwelling(stack(zone="ap-guangzhou-3", machineId="ins-1"), MACHINE)
    machine = Instance("ins-1", "RUNNING", "ap-guangzhou-3", "img-1", "", NOW)
    assert arrive(old, "2", Facts(NOW, (machine,), ())).home == OTHER
    with pytest.raises(HomeError, match=r"owns the machine ins-1, and nothing of that is seen in account 2"):
        arrive(old, "2")
    assert arrive(old, "2", discard=True).home == OTHER


def test_what_was_forgotten_and_is_there_is_found() -> None:
    lost = dwelling(RECORD, stack(machineId="ins-1", vpcId="vpc-1", subnetId="subnet-1"))
    assert arrive(lost, "1").found == {"network": "vpc-1"}


@pytest.mark.parametrize(
    ("found", "account", "settled"),
    [
        (dwelling(RECORD, MACHINE), "1", HERE),
        (dwelling(RECORD, MACHINE), "2", None),
        (dwelling(RECORD, MACHINE), "", None),
        (dwelling(RECORD), "1", None),
        (dwelling(), "1", None),
    ],
    ids=["at home", "another account", "nobody says whose keys these are", "owns nothing", "a new stack"],
)
def test_where_it_lives_is_settled_before_the_look_only_where_state_and_account_agree(
    found: Dwelling, account: str, settled: Home | None
) -> None:
    async def run() -> Home | None:
        context: Any = SimpleNamespace(region="ap-guangzhou")
        answered: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        answered.set_result((account, ""))
        return await Look(context, found, answered).settled()

    assert finish(run()) == settled


def access(protocol: str) -> Access:
    return Access("id", "key", "", "ap-guangzhou", protocol, "tencentcloudapi.com")


@pytest.mark.parametrize(
    ("protocol", "stand_in", "asked"), [("HTTPS", "", True), ("HTTP", "", False), ("HTTP", "true", True)]
)
def test_the_plugin_is_told_its_account_where_it_can_ask_whose_keys_it_has(
    protocol: str, stand_in: str, asked: bool
) -> None:
    environment = {"CHATGLM_STAND_IN": stand_in}
    assert can_ask_account(access(protocol), environment) is asked
    inputs = provider_inputs(HERE, {"tencentcloud:region": "x", "chatglm:state": "running"}, (), access("HTTPS"))
    assert inputs == {"region": "ap-guangzhou", "allowedAccountIds": '["1"]'}


def test_the_users_own_list_of_accounts_is_kept() -> None:
    for key in ("allowedAccountIds", "forbiddenAccountIds"):
        inputs = provider_inputs(HERE, {f"tencentcloud:{key}": '["7"]'}, (), access("HTTPS"))
        assert inputs == {"region": "ap-guangzhou", key: '["7"]'}


def test_secrets_stay_secrets() -> None:
    async def make() -> object:
        return provider_inputs(HERE, {"tencentcloud:secretKey": "k"}, ("tencentcloud:secretKey",), None)["secretKey"]

    assert isinstance(finish(make()), pulumi.Output)
