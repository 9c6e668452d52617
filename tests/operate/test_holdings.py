"""Two states with one stack name in one account: neither is ever shown the other's as its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from components.identity import Identity
from components.stock import launch_request
from operate.cost import read_bill
from operate.doctor.examination import examine
from operate.errors import ExitCode
from operate.findings import Verdict
from operate.holdings import find_own, owner_of
from operate.output import Output
from operate.session import Session
from operate.stacks import Stack
from operate.support import collect
from tencent.facts import TAG_EDITION, TAG_LAUNCH, TAG_OWNER, TAG_STACK
from tencent.ownership import RELEASED, Edition

from .conftest import Chatglm, LocalCloud, make_stack

NAME = "organization/chatglm/test"
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
OURS, THEIRS = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


def tags(owner: str, edition: str = "3-0123abcd") -> list[dict[str, str]]:
    marks = {TAG_STACK: NAME, TAG_LAUNCH: "l"} | ({TAG_OWNER: owner, TAG_EDITION: edition} if owner else {})
    return [{"Key": key, "Value": value} for key, value in marks.items()]


def launch(cloud: LocalCloud, owner: str, edition: str = "3-0123abcd") -> str:
    request = launch_request(make_stack().settings, "ap-guangzhou-3", "img-m07ny34j")
    marked = [{"ResourceType": "instance", "Tags": tags(owner, edition)}]
    answer = cloud.api.call("cvm", "RunInstances", **request, TagSpecification=marked)
    cloud.control.advance(60)
    return str(answer["InstanceIdSet"][0])


def capture(cloud: LocalCloud, machine: str, owner: str, name: str) -> str:
    marked = [{"ResourceType": "image", "Tags": tags(owner)}]
    made = cloud.api.call("cvm", "CreateImage", InstanceId=machine, ImageName=name, TagSpecification=marked)
    cloud.control.advance(3600)
    return str(made["ImageId"])


@dataclass(frozen=True)
class Two:
    """What the two states have: a machine each, and an image of each of them."""

    ours: str
    theirs: str
    our_image: str
    their_image: str


@pytest.fixture
def two(cloud: LocalCloud) -> Two:
    ours, theirs = launch(cloud, OURS), launch(cloud, THEIRS)
    return Two(ours, theirs, capture(cloud, ours, OURS, "one"), capture(cloud, theirs, THEIRS, "two"))


def state(cloud: LocalCloud, **outputs: Any) -> Stack:
    return make_stack(environment=cloud.environment, outputs={"zone": "ap-guangzhou-3", **outputs})


@pytest.fixture
def mine(cloud: LocalCloud, two: Two) -> Stack:
    """The first state, after its last update."""
    return state(cloud, identity=OURS, edition="3-0123abcd", machineId=two.ours)


@pytest.fixture
def fresh(cloud: LocalCloud) -> Stack:
    """A colleague's state of that name, which no update has brought up."""
    return state(cloud)


def test_status_shows_the_stacks_own_and_names_the_others(mine: Stack, two: Two, chatglm: Chatglm) -> None:
    told = json.loads(chatglm(mine, "status", "--json").stdout)
    assert (told["machine"]["id"], told["image"]["id"]) == (two.ours, two.our_image)
    assert two.theirs in told["others"]
    assert THEIRS in told["others"]


def test_status_of_a_state_that_owns_nothing_shows_nothing_of_a_colleagues(
    fresh: Stack, two: Two, chatglm: Chatglm
) -> None:
    answer = chatglm(fresh, "status", "--json")
    told = json.loads(answer.stdout)
    assert (told["machine"], told["image"]) == (None, None)
    assert answer.exit_code == ExitCode.PARKED
    assert f"another state's, and no part of this: {two.ours}" in chatglm(fresh, "status").output


def test_doctor_tries_and_judges_with_the_stacks_own_alone(
    mine: Stack, fresh: Stack, two: Two, cloud: LocalCloud
) -> None:
    before = len(cloud.control.journal())
    found = examine(mine, cloud.api)
    tried = [one.params for one in cloud.control.journal()[before:] if one.action == "CreateImage"]
    assert {one["InstanceId"] for one in tried} == {two.ours}
    launched = [one.params for one in cloud.control.journal()[before:] if one.action == "RunInstances"]
    assert {one["ImageId"] for one in launched} == {two.our_image}
    (told,) = [one for one in found if one.check == "ownership"]
    assert (told.verdict, two.their_image in told.text) == (Verdict.WARNING, True)
    before = len(cloud.control.journal())
    examine(fresh, cloud.api)
    assert not [one for one in cloud.control.journal()[before:] if one.action == "CreateImage"]


def test_what_is_sent_for_help_holds_nothing_of_a_colleagues(mine: Stack, two: Two) -> None:
    sent = "".join(collect(Session(mine, Output(True)), NOW, []).values())
    assert two.ours in sent
    assert two.theirs not in sent
    assert two.their_image not in sent


def test_cost_counts_nothing_of_a_colleagues_also_for_a_state_that_owns_nothing(
    fresh: Stack, two: Two, cloud: LocalCloud
) -> None:
    bill = read_bill(fresh, cloud.api)
    assert not {two.ours, two.theirs, two.our_image} & {one.id for one in bill.items}
    assert any(two.theirs in note for note in bill.notes)


def test_restore_does_not_begin_where_only_a_colleague_has_an_image(fresh: Stack, two: Two, chatglm: Chatglm) -> None:
    answer = chatglm(fresh, "restore", "--yes")
    assert answer.exit_code == ExitCode.FAILED
    assert "There is no image of this stack to restore from." in answer.output


@pytest.mark.parametrize(
    ("owner", "edition", "shown"),
    [
        (OURS, "4-0000ffff", True),  # an update that did not come to its end, or a later copy of the state
        (THEIRS, "1-00000001", False),
        ("", "", False),  # an earlier version's, which this state does not know
    ],
)
def test_a_machine_that_the_outputs_do_not_name_is_ours_by_its_mark(
    cloud: LocalCloud, owner: str, edition: str, shown: bool
) -> None:
    machine = launch(cloud, owner, edition)
    found = find_own(state(cloud, identity=OURS, edition="3-0123abcd"), cloud.api)
    assert [one.id for one in found.machines] == ([machine] if shown else [])


def test_what_a_destroy_released_is_there_for_the_next_state_of_the_name(
    cloud: LocalCloud, fresh: Stack, two: Two
) -> None:
    assert find_own(fresh, cloud.api).images == ()
    released = capture(cloud, two.theirs, RELEASED, "kept")
    assert [one.id for one in find_own(fresh, cloud.api).images] == [released]


def test_a_first_update_that_failed_still_owns_what_it_launched(cloud: LocalCloud) -> None:
    machine = launch(cloud, OURS)
    held = Identity(OURS, Edition(3, "0123abcd"), ("l",))
    begun = make_stack(environment=cloud.environment, identity=held)
    assert [one.id for one in find_own(begun, cloud.api).machines] == [machine]


def test_for_a_removed_stack_the_name_does(cloud: LocalCloud, two: Two) -> None:
    removed = Stack("test", NAME, environment=cloud.environment, exists=False)
    assert owner_of(removed) is None
    assert {one.id for one in find_own(removed, cloud.api).machines} == {two.ours, two.theirs}
