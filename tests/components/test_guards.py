"""Proof before loss: what may end, in which order, and what stands in nothing's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from components.claim import NotOwnerError
from components.guards import Guards, RefusedError
from components.settings import Settings
from tencent.errors import CloudError
from tencent.facts import Image, Instance, Subnet
from tencent.ownership import RELEASED, Edition, Owner
from tests.components.fake_cloud import FakeCloud

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
STACK, MINE = "organization/chatglm/dev", "mineminemine"
OWNER = Owner(MINE, Edition(3, "aaaaaaaa"), STACK, frozenset({"ins-1"}), frozenset({"img-1"}), vpc_id="vpc-1")
MACHINE = Instance(
    "ins-1", "RUNNING", "z-3", "img-w", "L1", NOW, subnet_id="s-1", vpc_id="vpc-1", stack=STACK, owner=MINE
)
FRESH = Image("img-2", "n-2", "NORMAL", NOW - timedelta(minutes=5), 75, "ins-1", 2, stack=STACK, owner=MINE)
OLD = Image("img-1", "n-1", "NORMAL", NOW - timedelta(days=3), 75, "ins-0", 1, stack=STACK, owner=MINE)


class Said(list[str]):
    def __call__(self, text: str) -> None:
        self.append(text)

    def __str__(self) -> str:
        return "\n".join(self)


def guards(cloud: FakeCloud, said: Said | None = None, owner: Owner = OWNER, **changes: Any) -> Guards:
    asked = Settings(**{"adminPassword": "Correct-Horse-7", "state": "parked", **changes})
    heard = Said() if said is None else said
    return Guards(
        cloud, owner, asked, poll_seconds=60, now=lambda: NOW, clock=cloud.clock, sleep=cloud.sleep, log=heard,
        warn=heard,
    )  # fmt: skip


def cloud(*images: Image, machine: Instance | None = MACHINE, **refused: str) -> FakeCloud:
    machines = {machine.id: machine} if machine else {}
    return FakeCloud(machines, {image.id: image for image in images}, refused)


def test_a_machine_ends_after_its_image_and_the_older_image_after_the_machine() -> None:
    here, said = cloud(OLD, FRESH), Said()
    guards(here, said).end_machine("ins-1")
    deeds = [deed for deed in here.deeds if deed.startswith(("terminate", "delete"))]
    assert deeds == ["terminate ins-1", "delete_image img-1"]
    assert said == ["Terminating ins-1.", "Deleting the image n-1 (img-1) with its snapshots."]


@pytest.mark.parametrize(
    "proof",
    [
        OLD,
        replace(FRESH, created=NOW - timedelta(hours=3)),
        replace(FRESH, state="CREATEFAILED"),
        replace(OLD, state="CREATING", created=NOW),
    ],
    ids=["of another machine", "too old", "failed", "being made of another machine"],
)
def test_without_a_fresh_image_of_it_the_machine_stays_and_the_way_on_comes_before_the_way_out(proof: Image) -> None:
    here = cloud(proof)
    with pytest.raises(RefusedError, match=r"Park it first .* To throw its work away") as refused:
        guards(here).end_machine("ins-1")
    assert "ins-1 was not terminated" in str(refused.value)
    assert "ins-1" in here.machines


def test_an_image_that_a_living_machine_made_of_itself_is_no_proof() -> None:
    """It has given its own park up, and worked on since."""
    with pytest.raises(RefusedError, match="no NORMAL image of its present state"):
        guards(cloud(replace(FRESH, parked="t 2026-01-02T11:51:00Z idle minutes=41"))).end_machine("ins-1")


def test_what_a_machine_that_stays_made_of_itself_is_left_to_it_and_takes_no_place() -> None:
    own = replace(FRESH, parked="t 2026-01-02T11:51:00Z idle minutes=41")
    here = cloud(OLD, own)
    replace(guards(here), staying="ins-1").retire_superseded()
    assert not [deed for deed in here.deeds if deed.startswith("delete")]
    guards(here).retire_superseded()
    assert [deed for deed in here.deeds if deed.startswith("delete_image")] == [f"delete_image {OLD.id}"]


def test_an_image_that_is_being_made_is_waited_for() -> None:
    here = cloud(replace(FRESH, state="CREATING"))
    here.coming.append((600, lambda: here.made.update({FRESH.id: FRESH})))
    guards(here).end_machine("ins-1")
    assert here.now == 600
    assert "terminate ins-1" in here.deeds


def test_an_image_that_is_never_done_keeps_the_machine() -> None:
    here = cloud(replace(FRESH, state="CREATING"))
    with pytest.raises(RefusedError, match=r"Waited 1:15:00 for the image of ins-1 to become NORMAL, in vain"):
        guards(here).end_machine("ins-1")
    assert here.now == 75 * 60 + 60
    assert "ins-1" in here.machines


def test_an_image_that_hangs_is_not_waited_for() -> None:
    here = cloud(replace(FRESH, state="CREATING", created=NOW - timedelta(days=1)))
    with pytest.raises(RefusedError, match="was not terminated"):
        guards(here).end_machine("ins-1")
    assert here.now == 0


def test_an_image_made_before_the_machine_went_on_running_is_no_proof() -> None:
    with pytest.raises(RefusedError, match="was not terminated"):
        replace(guards(cloud(FRESH)), outdated=(FRESH.id,)).end_machine("ins-1")


def test_a_machine_is_thrown_away_by_a_word_alone() -> None:
    here = cloud(OLD)
    guards(here, discard=True).end_machine("ins-1")
    assert here.machines == {}


@pytest.mark.parametrize("state", ["TERMINATING", "SHUTDOWN"])
def test_the_end_of_a_machine_is_waited_for_and_the_recycle_bin_is_one(state: str) -> None:
    here = cloud(OLD, FRESH)
    here.ends = lambda: here.machines.update({"ins-1": replace(MACHINE, state="TERMINATING")})
    there = {"ins-1": replace(MACHINE, state=state)} if state == "SHUTDOWN" else {}
    here.coming.append((300, lambda: setattr(here, "machines", there)))
    guards(here).end_machine("ins-1")
    assert here.now == 300
    assert here.deeds.index("terminate ins-1") < here.deeds.index("delete_image img-1")


@pytest.mark.parametrize(("code", "minutes"), [("", 15), ("InvalidInstanceId.NotFound", 1)])
def test_a_machine_that_does_not_end_is_told_sooner_where_the_cloud_denies_it(code: str, minutes: int) -> None:
    here = cloud(FRESH, **({"terminate": code} if code else {}))
    here.ends = lambda: None
    with pytest.raises(RefusedError, match=rf"Waited 0:{minutes:02d}:00 for ins-1 to end"):
        guards(here).end_machine("ins-1")
    assert here.now == minutes * 60 + 60


def test_a_machine_that_may_not_be_ended_is_an_error_of_the_cloud() -> None:
    with pytest.raises(CloudError):
        guards(cloud(FRESH, terminate="UnauthorizedOperation")).end_machine("ins-1")


def test_a_machine_that_is_ending_is_not_ended_again() -> None:
    here = cloud(OLD, FRESH, machine=replace(MACHINE, state="TERMINATING"))
    guards(here).end_machine("ins-1")
    assert not [deed for deed in here.deeds if deed.startswith("terminate")]
    assert set(here.made) == {"img-2"}, "what the park makes superfluous goes all the same"


def test_a_machine_in_the_recycle_bin_needs_no_proof() -> None:
    here = cloud(OLD, machine=replace(MACHINE, state="SHUTDOWN"))
    guards(here).end_machine("ins-1")
    assert here.deeds[0] == "terminate ins-1"


def test_images_are_retired_by_a_park_and_not_by_another_update() -> None:
    here = cloud(OLD, FRESH)
    guards(here, state="running").end_machine("ins-1")
    assert set(here.made) == {"img-1", "img-2"}


def test_an_image_that_only_has_the_machines_name_in_its_own_is_no_proof() -> None:
    persons = replace(FRESH, name="before-2-ins-1", owner="", stack="")
    with pytest.raises(RefusedError):
        guards(cloud(persons)).end_machine("ins-1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"owner": "otherotherot"}, "belongs to another state"),
        ({"edition": "4-bbbbbbbb"}, "was used by a later edition of this state"),
    ],
)
def test_a_machine_that_was_taken_meanwhile_is_not_ended_not_even_to_discard_it(
    changes: dict[str, str], words: str
) -> None:
    here = cloud(FRESH, machine=replace(MACHINE, **changes))
    with pytest.raises(NotOwnerError, match=f"ins-1 was not ended: it {words}"):
        guards(here, discard=True).end_machine("ins-1")
    assert "ins-1" in here.machines


def test_a_machine_that_is_gone_is_found_gone() -> None:
    guards(cloud(FRESH, machine=None)).end_machine("ins-1")


@pytest.mark.parametrize("code", ["AuthFailure.UnauthorizedOperation", "InvalidImageId.InShared"])
@pytest.mark.parametrize("verb", ["delete_image", "snapshots"])
def test_an_older_image_that_cannot_be_deleted_is_told_once_and_the_machine_ends_all_the_same(
    verb: str, code: str
) -> None:
    here, said = cloud(OLD, FRESH, **{verb: code}), Said()
    watch = guards(here, said)
    watch.end_machine("ins-1")
    watch.retire_capture("capture-1")
    assert here.machines == {}
    if verb == "delete_image":
        [told] = [line for line in said if "is left over and costs money" in line]
        assert all(part in told for part in ("n-1 (img-1)", code, "The next pulumi up tries again."))


def test_a_capture_that_the_program_declares_ends_only_with_the_stack() -> None:
    here = cloud(OLD, FRESH)
    replace(guards(here), declared=(1, 2)).retire_capture("capture-1")
    assert set(here.made) == {"img-1", "img-2"}
    replace(guards(here), declared=(2,)).retire_capture("capture-1")
    assert set(here.made) == {"img-2"}


def test_as_many_images_stay_as_the_settings_say_and_failed_ones_go() -> None:
    oldest = replace(OLD, id="img-0", created=NOW - timedelta(days=9))
    failed = replace(FRESH, id="img-3", state="CREATEFAILED", created=NOW)
    here = cloud(oldest, OLD, FRESH, failed)
    guards(here, keepImages=2).retire_superseded()
    assert set(here.made) == {"img-1", "img-2"}


def test_snapshots_that_outlive_their_image_are_deleted() -> None:
    here = cloud(replace(OLD, snapshot_ids=("snap-1", "snap-2")), FRESH)
    here.left_snapshots = ("snap-2",)
    guards(here).retire_superseded()
    assert here.deeds[-1] == "delete_snapshots snap-2"


def test_an_image_that_the_cloud_denies_and_shows_is_told_and_stands_in_no_ones_way() -> None:
    here, said = cloud(OLD, FRESH, delete_image="InvalidImageId.NotFound"), Said()
    guards(here, said).retire_superseded()
    assert "Waited 0:01:00 for img-1 to be deleted, in vain" in str(said)
    assert here.now == 120


def test_images_that_cannot_be_looked_for_are_told_and_stand_in_no_ones_way() -> None:
    here, said = cloud(OLD, FRESH, custom_images="AuthFailure.UnauthorizedOperation"), Said()
    guards(here, said).retire_superseded()
    assert "Older images could not be looked for" in str(said)


def test_retention_never_deletes_the_image_that_a_restore_is_pinned_to() -> None:
    here = cloud(OLD, FRESH)
    guards(here, restoreImageId="img-1").retire_superseded()
    assert set(here.made) == {"img-1", "img-2"}


def test_retention_counts_its_own_lineage_alone() -> None:
    others = replace(FRESH, id="img-9", owner="otherotherot", created=NOW)
    released = replace(FRESH, id="img-8", owner=RELEASED, created=NOW)
    here = cloud(OLD, others, released)
    guards(here).retire_superseded()
    assert set(here.made) == {"img-1", "img-8", "img-9"}


def test_a_destroy_releases_the_newest_image_and_says_where_it_lies() -> None:
    here, said = cloud(OLD, FRESH, machine=None), Said()
    guards(here, said).end_stack()
    assert {image.id: image.owner for image in here.made.values()} == {"img-2": RELEASED}
    assert "n-2 (img-2) stays, and costs money, in the account 100000000001, region ap-guangzhou" in str(said)


def test_a_destroy_that_may_not_release_the_image_says_the_word_that_takes_it_over() -> None:
    here, said = cloud(FRESH, machine=None, mark="AuthFailure.UnauthorizedOperation"), Said()
    guards(here, said).end_stack()
    assert f"pulumi config set chatglm:adopt {MINE}" in str(said)


def test_a_destroy_that_keeps_nothing_drops_every_image_of_its_own_and_fails_if_it_cannot() -> None:
    here = cloud(OLD, FRESH, replace(FRESH, id="img-9", owner="otherotherot"), machine=None)
    guards(here, keepImage=False).end_stack()
    assert set(here.made) == {"img-9"}
    denied = cloud(FRESH, machine=None, delete_image="AuthFailure.UnauthorizedOperation")
    with pytest.raises(CloudError):
        guards(denied, keepImage=False).end_stack()


def test_a_stranger_in_the_network_is_named_and_keeps_the_network() -> None:
    stray = replace(MACHINE, id="ins-9", launch="L9")
    here = FakeCloud({"ins-9": stray})
    with pytest.raises(
        NotOwnerError, match=r"ins-9 was not ended: it carries this state's tags, .* End it in the console"
    ):
        guards(here, discard=True).end_strays("s-1")
    assert "ins-9" in here.machines


def test_without_keys_nothing_is_deleted() -> None:
    with pytest.raises(RefusedError, match="no keys of Tencent Cloud were found"):
        Guards(None, OWNER, Settings(adminPassword="Correct-Horse-7")).end_machine("ins-1")


def test_strays_are_machines_of_the_network_and_own_ones_and_no_other() -> None:
    inside = replace(MACHINE, id="ins-2", subnet_id="s-2")
    own = replace(MACHINE, id="ins-3", vpc_id="vpc-9", subnet_id="s-9")
    others = replace(MACHINE, id="ins-4", owner="otherotherot", vpc_id="vpc-9", subnet_id="s-9")
    ended = replace(MACHINE, id="ins-5", state="TERMINATING")
    owner = replace(OWNER, machines=frozenset({"ins-2", "ins-3", "ins-5"}))
    here = cloud(machine=None)
    here.machines |= {each.id: each for each in (inside, own, others, ended)}
    guards(here, owner=owner, discard=True).end_strays("s-2")
    assert [deed for deed in here.deeds if deed.startswith("terminate")] == ["terminate ins-2"]
    guards(here, owner=owner, discard=True).end_strays()
    assert [deed for deed in here.deeds if deed.startswith("terminate")] == ["terminate ins-2", "terminate ins-3"]


def test_a_destroy_of_a_network_ends_its_machines_and_no_one_elses() -> None:
    foreign = replace(MACHINE, id="ins-2", owner="otherotherot", vpc_id="vpc-9")
    here = cloud()
    here.machines["ins-2"] = foreign
    guards(here, discard=True).end_strays()
    assert set(here.machines) == {"ins-2"}


def test_a_machine_of_its_own_that_nothing_stands_for_ends_before_the_security_group() -> None:
    here = cloud()
    guards(here, discard=True).end_security_group("sg-1")
    assert [deed for deed in here.deeds if deed.startswith(("terminate", "delete_s"))] == [
        "terminate ins-1",
        "delete_security_group sg-1",
    ]


def test_a_security_group_goes_when_its_machines_have_let_it_go() -> None:
    here = cloud(machine=None, delete_security_group="ResourceInUse")
    here.coming.append((180, lambda: here.refused.clear()))
    guards(here).end_security_group("sg-1")
    assert here.now == 180
    assert here.deeds == ["delete_security_group sg-1"]


@pytest.mark.parametrize("code", ["ResourceNotFound", "InvalidSecurityGroupID.NotFound"])
def test_a_security_group_that_is_gone_already_is_gone(code: str) -> None:
    guards(cloud(machine=None, delete_security_group=code)).end_security_group("sg-1")


def test_a_security_group_that_stays_in_use_is_told_and_one_that_may_not_be_deleted_at_once() -> None:
    with pytest.raises(RefusedError, match=r"Waited 0:15:00 for sg-1 to be free of machines"):
        guards(cloud(machine=None, delete_security_group="ResourceInUse")).end_security_group("sg-1")
    here = cloud(machine=None, delete_security_group="UnauthorizedOperation")
    with pytest.raises(CloudError):
        guards(here).end_security_group("sg-1")
    assert here.now == 0


def test_a_machine_is_captured_when_it_has_come_to_rest() -> None:
    here = cloud(machine=replace(MACHINE, state="REBOOTING"))
    here.coming.append((120, lambda: here.machines.update({"ins-1": MACHINE})))
    guards(here).settle_machine("ins-1")
    assert here.now == 120


@pytest.mark.parametrize("machine", [None, replace(MACHINE, state="TERMINATING"), replace(MACHINE, state="SHUTDOWN")])
def test_a_machine_that_has_ended_meanwhile_is_not_captured(machine: Instance | None) -> None:
    with pytest.raises(RefusedError, match=r"ins-1 has ended meanwhile .* Run the same command again"):
        guards(cloud(machine=machine)).settle_machine("ins-1")


def test_a_machine_that_hangs_between_two_states_is_not_captured() -> None:
    with pytest.raises(RefusedError, match="it is stuck"):
        guards(cloud(machine=replace(MACHINE, state="STOPPING"))).settle_machine("ins-1")


def test_a_machine_that_parks_itself_is_waited_for() -> None:
    own = replace(FRESH, parked="t 2026-01-02T11:51:00Z idle minutes=41")
    here, said = cloud(replace(own, state="CREATING")), Said()
    here.coming.append((240, here.machines.clear))
    with pytest.raises(RefusedError, match="it parked itself, or was reclaimed"):
        guards(here, said).settle_machine("ins-1")
    assert here.now == 240
    assert "ins-1 is parking itself; waiting until that is over." in said


def test_a_full_quota_of_images_is_told_before_the_park_with_what_could_go_oldest_first() -> None:
    here = cloud(FRESH, OLD)
    here.quota = 3
    guards(here).demand_image_quota()
    here.quota = 2
    with pytest.raises(RefusedError, match=r"holds 2 custom images, and the account may have 2.*n-1 .*75 GB.*; n-2"):
        guards(here).demand_image_quota()


@pytest.mark.parametrize("verb", ["image_quota", "custom_images"])
def test_a_quota_that_cannot_be_looked_up_is_left_to_the_capture(verb: str) -> None:
    here = cloud(FRESH, **{verb: "UnauthorizedOperation"})
    here.quota = 0
    guards(here).demand_image_quota()


def test_subnets_that_a_lost_answer_left_are_deleted_all_or_those_of_one_range() -> None:
    here = cloud()
    here.made_subnets = (Subnet("subnet-1", "10.0.1.0/24"), Subnet("subnet-2", "10.0.2.0/24"))
    guards(here).clear_subnets("vpc-1", "chatglm-dev", "10.0.2.0/24")
    assert here.deeds == ["subnets vpc-1 chatglm-dev", "delete_subnet subnet-2"]
    guards(here).clear_subnets("vpc-1", "chatglm-dev")
    assert here.deeds[-2:] == ["delete_subnet subnet-1", "delete_subnet subnet-2"]
