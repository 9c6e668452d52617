"""The plan: one table of cases, and the rules behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from components.lifecycle import Action, PlanError, plan
from components.prior import Prior, Taken
from components.settings import Settings
from tencent.facts import DiskOffer, Facts
from tests.components.situations import (
    FRESH,
    HELD,
    MACHINE,
    NOW,
    OLD,
    OLDER,
    OTHER_ZONE,
    OWN,
    PARKED,
    REGION,
    RUNNING,
    SAID,
    ZONE,
    facts,
    settings,
)


@dataclass(frozen=True)
class Case:
    """What is asked, what was, what is; and the plan in short: action, image, captures declared, images retired."""

    about: str
    settings: Settings
    prior: Prior
    facts: Facts
    action: Action
    machine: str | None = None  # id of the living machine, or the image that a new one starts from
    captures: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    refusal: str = ""
    note: str = ""


CASES = [
    Case(
        "an image that a machine made of itself proves nothing while the machine lives",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(OWN,)),
        Action.PARK,
        captures=("capture-3 of ins-1",),
        retired=("img-fresh",),
    ),
    Case(
        "a machine that parked itself comes back, and that is said",
        RUNNING,
        Prior("ins-1", ZONE),
        facts(images=(OWN,)),
        Action.RESTORE,
        "img-fresh",
        note=SAID,
    ),
    Case(
        "what a living machine made of itself takes no other image's place, and is its own guard's to delete",
        RUNNING,
        Prior("ins-1", ZONE, captures=(HELD,)),
        facts(instances=(MACHINE,), images=(OWN, OLD)),
        Action.KEEP,
        "ins-1",
        captures=("img-old",),
    ),
    Case(
        "an older image that a machine made of itself goes with the restore from the newer",
        RUNNING,
        Prior("ins-1", ZONE),
        facts(images=(OWN, replace(OLD, parked="ba9876543210 2026-01-01T00:00:00Z idle minutes=30"))),
        Action.RESTORE,
        "img-fresh",
        retired=("img-old",),
    ),
    Case(
        "a machine that parked itself is taken over as it is",
        PARKED,
        Prior("ins-1", ZONE),
        facts(images=(OWN,)),
        Action.STAY_PARKED,
        note=SAID,
    ),
    Case(
        "a machine that was restored from its predecessor's own image, and reclaimed since, did not park itself",
        RUNNING,
        Prior("ins-2", ZONE),
        facts(images=(OWN,)),
        Action.RESTORE,
        "img-fresh",
        note="The machine ins-2 is gone (reclaimed or terminated)",
    ),
    Case("fresh", RUNNING, Prior(), facts(), Action.LAUNCH, "img-public"),
    Case(
        "running stays",
        RUNNING,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,)),
        Action.KEEP,
        "ins-1",
    ),
    Case(
        "a living machine keeps its zone though another is asked for",
        settings(zones=[OTHER_ZONE]),
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,)),
        Action.KEEP,
        "ins-1",
    ),
    Case(
        "park",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,)),
        Action.PARK,
        captures=("capture-1 of ins-1",),
    ),
    Case(
        "second park: a new generation, and the older image retires",
        PARKED,
        Prior("ins-1", ZONE, (HELD,)),
        facts(instances=(MACHINE,), images=(OLD,)),
        Action.PARK,
        captures=("capture-2 of ins-1",),
        retired=("img-old",),
    ),
    Case(
        "second park with keepImages 2: both stay",
        settings(state="parked", keepImages=2),
        Prior("ins-1", ZONE, (HELD,)),
        facts(instances=(MACHINE,), images=(OLD,)),
        Action.PARK,
        captures=("img-old", "capture-2 of ins-1"),
    ),
    Case(
        "a park retires images that the state never held, too",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(OLD, OLDER)),
        Action.PARK,
        captures=("capture-2 of ins-1",),
        retired=("img-old", "img-older"),
    ),
    Case(
        "park again after a park that failed behind its capture: the image is used, none is made",
        PARKED,
        Prior("ins-1", ZONE, (HELD,)),
        facts(instances=(MACHINE,), images=(OLD, FRESH)),
        Action.PARK,
        retired=("img-old",),
        note="img-fresh",
    ),
    Case(
        "park again while an image whose answer was lost is being made",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(replace(FRESH, state="CREATING"),)),
        Action.PARK,
        note="is used, none is made",
    ),
    Case(
        "an image of the machine that is days old is not its last state",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(replace(FRESH, created=NOW - timedelta(days=1)),)),
        Action.PARK,
        captures=("capture-3 of ins-1",),
        retired=("img-fresh",),
    ),
    Case(
        "an image of two hours is its last state still",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(replace(FRESH, created=NOW - timedelta(hours=2)),)),
        Action.PARK,
        note="is used, none is made",
    ),
    Case(
        "an image of more than two hours is not",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(replace(FRESH, created=NOW - timedelta(hours=2, seconds=1)),)),
        Action.PARK,
        captures=("capture-3 of ins-1",),
        retired=("img-fresh",),
    ),
    Case(
        "an image that is being made of another machine says nothing of this one",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(replace(FRESH, state="CREATING", machine_id="ins-0"),)),
        Action.PARK,
        captures=("capture-3 of ins-1",),
    ),
    Case(
        "an image that the machine is making of itself is not this park's",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(replace(OWN, state="CREATING"),)),
        Action.PARK,
        captures=("capture-3 of ins-1",),
    ),
    Case(
        "an image made before the machine went on running is not its last state, however young",
        PARKED,
        Prior("ins-1", ZONE, outdated=("img-fresh",)),
        facts(instances=(MACHINE,), images=(FRESH,)),
        Action.PARK,
        captures=("capture-3 of ins-1",),
        retired=("img-fresh",),
    ),
    Case(
        "an image that a failed park left takes the older one's place, though its machine goes on",
        RUNNING,
        Prior("ins-1", ZONE, (HELD,)),
        facts(instances=(MACHINE,), images=(OLD, FRESH)),
        Action.KEEP,
        "ins-1",
        retired=("img-old",),
    ),
    Case(
        "a failed image does not count",
        PARKED,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(replace(FRESH, state="CREATEFAILED"),)),
        Action.PARK,
        captures=("capture-3 of ins-1",),
    ),
    Case(
        "parked stays parked",
        PARKED,
        Prior("", ZONE, (HELD,)),
        facts(images=(OLD,)),
        Action.STAY_PARKED,
        captures=("img-old",),
    ),
    Case(
        "restore",
        RUNNING,
        Prior("", ZONE, (HELD,)),
        facts(images=(OLD,)),
        Action.RESTORE,
        "img-old",
        captures=("img-old",),
    ),
    Case(
        "reclaimed while running, with an image",
        RUNNING,
        Prior("ins-1", ZONE, (HELD,)),
        facts(images=(OLD,)),
        Action.RESTORE,
        "img-old",
        captures=("img-old",),
        note="its last image is 3 days old",
    ),
    Case(
        "reclaimed while running, without an image",
        RUNNING,
        Prior("ins-1", ZONE),
        facts(),
        Action.LAUNCH,
        "img-public",
        note="there is no image of it",
    ),
    Case(
        "a machine that is ending counts as gone",
        RUNNING,
        Prior("ins-1", ZONE, (HELD,)),
        facts(instances=(replace(MACHINE, state="TERMINATING"),), images=(OLD,)),
        Action.RESTORE,
        "img-old",
        captures=("img-old",),
    ),
    Case(
        "reclaimed, then asked to park: the last image stays, and it is said",
        PARKED,
        Prior("ins-1", ZONE, (HELD,)),
        facts(images=(OLD,)),
        Action.STAY_PARKED,
        captures=("img-old",),
        note="there is nothing to capture",
    ),
    Case(
        "kept image after a destroy: restored by id, not declared",
        RUNNING,
        Prior(),
        facts(images=(OLD,)),
        Action.RESTORE,
        "img-old",
    ),
    Case(
        "the newest of several images is restored",
        RUNNING,
        Prior(),
        facts(images=(OLDER, OLD)),
        Action.RESTORE,
        "img-old",
    ),
    Case(
        "restoreImageId wins",
        settings(restoreImageId="img-older"),
        Prior("", ZONE, (HELD,)),
        facts(images=(OLD, OLDER), named_image=OLDER),
        Action.RESTORE,
        "img-older",
        captures=("img-old",),
    ),
    Case(
        "restoreImageId with one image to keep: its source is not deleted, and its age is told beside the newest's",
        settings(restoreImageId="img-older"),
        Prior("", ZONE, (HELD, Taken(0, "img-older", "ins-9"))),
        facts(images=(OLD, OLDER), named_image=OLDER),
        Action.RESTORE,
        "img-older",
        captures=("img-old", "img-older"),
        note="pins this restore to img-older, 9 days old; the newest is img-old, 3 days old.",
    ),
    Case(
        "restoreImageId while the machine runs concerns the next restore",
        settings(restoreImageId="img-older"),
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE,), images=(OLD, OLDER), named_image=OLDER),
        Action.KEEP,
        "ins-1",
        note="chatglm:restoreImageId pins the next restore to img-older, 9 days old",
    ),
    Case(
        "a network that was deleted outside Pulumi",
        RUNNING,
        Prior("", ZONE, (HELD,), vpc_id="vpc-1"),
        facts(images=(OLD,), network=False),
        Action.RESTORE,
        "img-old",
        captures=("img-old",),
        refusal="The network vpc-1 of this state is gone",
    ),
    Case(
        "restoreImageId that does not exist",
        settings(restoreImageId="img-gone"),
        Prior("", ZONE, (HELD,)),
        facts(images=(OLD,)),
        Action.LAUNCH,
        "img-public",
        captures=("img-old",),
        refusal="no such image",
    ),
    Case(
        "image deleted by hand, asked to restore: refused, with two ways on",
        RUNNING,
        Prior("", ZONE, (HELD,)),
        facts(),
        Action.LAUNCH,
        "img-public",
        refusal="chatglm:restoreImageId",
        note="deleted outside Pulumi",
    ),
    Case(
        "image deleted by hand, and the work given up in words",
        settings(discard=True),
        Prior("", ZONE, (HELD,)),
        facts(),
        Action.LAUNCH,
        "img-public",
    ),
    Case(
        "image deleted by hand while the machine runs: it is forgotten",
        RUNNING,
        Prior("ins-1", ZONE, (HELD,)),
        facts(instances=(MACHINE,)),
        Action.KEEP,
        "ins-1",
        note="img-old (capture 1) was deleted outside Pulumi",
    ),
    Case(
        "a disk smaller than the image",
        settings(systemDiskGb=60),
        Prior(),
        facts(images=(OLD,)),
        Action.RESTORE,
        "img-old",
        refusal="needs 75 GB",
    ),
    Case(
        "a disk size that the zone does not take",
        settings(systemDiskGb=75),
        Prior(),
        facts(disk=DiskOffer(ZONE, 50, 500, 10)),
        Action.LAUNCH,
        "img-public",
        refusal="steps of 10",
    ),
    Case(
        "no public image matches",
        RUNNING,
        Prior(),
        facts(public_image_id=None),
        Action.LAUNCH,
        "",
        refusal="chatglm:imageName",
    ),
    Case(
        "a machine launched by an update that never learned of it is adopted",
        RUNNING,
        Prior(),
        facts(instances=(MACHINE,)),
        Action.KEEP,
        "ins-1",
    ),
    Case(
        "of several machines that no update learned of, the youngest is adopted",
        RUNNING,
        Prior(),
        facts(instances=(MACHINE, replace(MACHINE, id="ins-2", created=NOW), replace(MACHINE, id="ins-3"))),
        Action.KEEP,
        "ins-2",
    ),
    Case(
        "a second machine with the stack's tags is named",
        RUNNING,
        Prior("ins-1", ZONE),
        facts(instances=(MACHINE, replace(MACHINE, id="ins-2", created=NOW))),
        Action.KEEP,
        "ins-1",
        note="ins-2",
    ),
    Case(
        "without a look at the cloud a restore trusts the outputs",
        RUNNING,
        Prior("", ZONE, (HELD,)),
        Facts(NOW, unknown={"everything": "no keys"}),
        Action.RESTORE,
        "img-old",
        captures=("img-old",),
    ),
    Case(
        "without a look at the cloud a fresh stack still has a plan",
        RUNNING,
        Prior(),
        Facts(NOW, unknown={"everything": "no keys"}),
        Action.LAUNCH,
        "",
    ),
    Case(
        "without a look at the cloud a park trusts the outputs",
        PARKED,
        Prior("ins-1", ZONE, (HELD,)),
        Facts(NOW, unknown={"everything": "no keys"}),
        Action.PARK,
        captures=("capture-2 of ins-1",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.about)
def test_plan(case: Case) -> None:
    made = plan(case.settings, case.prior, case.facts, REGION)
    machine = made.machine and (made.machine.living.id if made.machine.living else made.machine.image_id)
    captures = tuple(c.image_id or f"{c.name} of {c.machine_id}" for c in made.captures)
    assert (made.action, machine, captures) == (case.action, case.machine, case.captures)
    assert tuple(sorted(image.id for image in made.retired)) == tuple(sorted(case.retired))
    assert case.refusal in made.refusal
    assert bool(made.refusal) == bool(case.refusal)
    assert case.note in " ".join(made.notes)


def test_park_without_a_machine_or_an_image_is_a_clear_error() -> None:
    with pytest.raises(PlanError, match="neither a machine to park nor an image"):
        plan(PARKED, Prior(), facts(), REGION)


def test_parked_with_its_only_image_deleted_by_hand_says_what_to_do() -> None:
    with pytest.raises(PlanError, match="restoreImageId"):
        plan(PARKED, Prior("", ZONE, (HELD,)), facts(), REGION)


def test_of_a_machine_that_never_was_it_is_not_said_that_it_is_gone() -> None:
    assert plan(settings(), Prior(), facts(), REGION).notes == ()


def test_a_stack_that_lost_everything_can_still_be_destroyed_by_a_word() -> None:
    assert plan(settings(state="parked", discard=True), Prior(), facts(), REGION).action is Action.STAY_PARKED


def test_going_on_after_a_failed_park_outdates_the_image_that_it_left() -> None:
    assert plan(RUNNING, Prior("ins-1", ZONE), facts(instances=(MACHINE,), images=(OLD, FRESH)), REGION).outdated == (
        "img-fresh",
    )


def test_a_new_machine_is_named_after_its_launch_so_that_no_ghost_is_ever_changed() -> None:
    first = plan(RUNNING, Prior(), facts(), REGION).machine
    second = plan(RUNNING, Prior("ins-1", ZONE), facts(now=NOW + timedelta(seconds=1)), REGION).machine
    assert first is not None
    assert second is not None
    assert first.name == "machine-20260102-120000"
    assert second.name != first.name


def test_a_machine_that_no_complete_update_knew_is_adopted_under_another_name_and_keeps_its_tag() -> None:
    stray = plan(RUNNING, Prior(), facts(instances=(MACHINE,)), REGION).machine
    assert stray is not None
    assert (stray.name, stray.launch) == (f"machine-{MACHINE.launch}-adopted", MACHINE.launch)
    later = plan(RUNNING, Prior("ins-1", ZONE, record=stray.record), facts(instances=(MACHINE,)), REGION).machine
    assert later == stray, "the name stays from then on"


def test_a_machine_without_its_launch_tag_keeps_its_record() -> None:
    untagged = replace(MACHINE, launch="unknown")
    prior = Prior("ins-1", ZONE, record=f"{MACHINE.launch}-adopted")
    kept = plan(RUNNING, prior, facts(instances=(untagged,)), REGION).machine
    assert kept is not None
    assert (kept.record, kept.launch) == (prior.record, MACHINE.launch)


def test_captures_of_which_an_update_never_learned_the_image_are_passed_over() -> None:
    rows = [{"generation": 1, "machineId": "ins-0", "imageId": "img-old"}, {"generation": 2, "machineId": "ins-1"}]
    assert Prior.from_outputs({"captures": rows}).captures == (HELD,)


def test_an_outdated_image_stays_no_proof_through_a_park_that_may_fail() -> None:
    parking = plan(
        PARKED, Prior("ins-1", ZONE, outdated=("img-fresh",)), facts(instances=(MACHINE,), images=(FRESH,)), REGION
    )
    assert parking.new_capture is not None
    assert parking.outdated == ("img-fresh",)
