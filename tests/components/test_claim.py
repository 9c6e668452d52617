"""May this state act at all, what it marks, and what it says of what is another's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.claim import Claim, NotOwnerError, is_idle, ownership_notes, stop_reason, unreachable_notes
from components.identity import Identity
from components.lifecycle import Action, MachinePlan, Plan
from components.prior import Prior
from components.settings import Settings
from tencent.facts import Image, Instance
from tencent.ownership import RELEASED, Edition, Holdings, Owner, sort_out
from tests.components.fake_cloud import FakeCloud
from tests.components.test_guards import FRESH, MACHINE, MINE, OLD, OWNER, STACK, Said

OTHER = "otherotherot"
EMPTY = Owner(MINE, Edition(0, "00000000"), STACK)
NEXT = Identity(MINE, Edition(4, "dddddddd"))


def settings(**changes: Any) -> Settings:
    return Settings(**{"adminPassword": "Correct-Horse-7", **changes})


def claim(cloud: FakeCloud, anchor: Instance | Image, said: Said | None = None) -> Claim:
    owner = replace(OWNER, edition=NEXT.edition)
    return Claim(owner, None, NEXT, anchor, cloud, Said() if said is None else said)


def test_an_older_copy_is_stopped_and_told_the_word_that_makes_it_the_later_one() -> None:
    found = sort_out(OWNER, (replace(MACHINE, edition="7-bbbbbbbb"),), ())
    reason = stop_reason(OWNER, found, Prior())
    assert "The machine ins-1 in z-3 was last used by edition 7 of it, and this copy is at 3" in reason
    assert reason.endswith(f"pulumi config set chatglm:adopt {MINE}")


def test_a_state_whose_machine_was_taken_over_is_stopped_and_told_by_whom() -> None:
    reason = stop_reason(OWNER, sort_out(OWNER, (replace(MACHINE, owner=OTHER),), ()), Prior())
    assert f"belongs to another state by now ({OTHER})" in reason
    assert "discard" not in reason, "no advice that loses work"


def test_a_state_that_only_lost_an_older_image_goes_on() -> None:
    found = sort_out(OWNER, (MACHINE,), (replace(OLD, owner=OTHER),))
    assert stop_reason(OWNER, found, Prior()) == ""


def test_a_state_that_has_a_machine_cannot_adopt_another() -> None:
    owner = replace(OWNER, adopts=OTHER)
    found = sort_out(owner, (MACHINE, replace(MACHINE, id="ins-9", owner=OTHER)), ())
    reason = stop_reason(owner, found, Prior(identity=NEXT))
    assert "this state has the machine ins-1 in z-3 already" in reason
    assert "pulumi config rm chatglm:adopt" in reason
    assert stop_reason(owner, found, Prior(identity=replace(NEXT, adopting=OTHER))) == "", (
        "it goes on where it was cut off"
    )


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (
            replace(MACHINE, owner=OTHER),
            f"another owner ({OTHER}); it is left alone. Only if the state that it belongs to is",
        ),
        (replace(MACHINE, owner=""), "pulumi config set chatglm:adopt ins-1"),
    ],
)
def test_what_has_the_name_and_another_owner_is_named_with_the_word_that_takes_it_over(
    machine: Instance, words: str
) -> None:
    [note] = ownership_notes(EMPTY, sort_out(EMPTY, (machine,), ()), settings())
    assert words in note


def test_what_nobody_owned_is_taken_over_and_said() -> None:
    [note] = ownership_notes(EMPTY, sort_out(EMPTY, (), (replace(FRESH, owner=RELEASED),)), settings())
    assert "was kept by an earlier destroy under this name: it is taken over" in note


def test_a_word_that_was_obeyed_or_meets_nothing_is_told() -> None:
    spent = ownership_notes(OWNER, Holdings(), settings(adopt=OTHER))
    assert "was obeyed. Remove it: pulumi config rm chatglm:adopt" in spent[0]
    vain = ownership_notes(replace(OWNER, adopts=OTHER), Holdings(), settings(adopt=OTHER))
    assert "Nothing here carries otherotherot" in vain[0]


def test_an_image_that_no_destroy_can_reach_comes_with_the_commands_that_delete_it() -> None:
    found = sort_out(EMPTY, (), (replace(FRESH, owner=RELEASED),))
    [note] = unreachable_notes(Prior(), found, settings(keepImage=False))
    assert "img-2" in note
    assert "pulumi config set chatglm:state parked" in note
    assert unreachable_notes(Prior(), found, settings()) == []
    assert unreachable_notes(Prior(vpc_id="vpc-1"), found, settings(keepImage=False)) == []


def test_a_claim_marks_the_machine_with_the_new_edition_and_what_had_no_mark() -> None:
    here = FakeCloud({"ins-1": MACHINE}, {"img-1": replace(OLD, owner="")})
    found = sort_out(OWNER, here.machines.values(), here.made.values())
    claim(here, MACHINE).take(found)
    assert (here.machines["ins-1"].owner, here.machines["ins-1"].edition) == (MINE, "4-dddddddd")
    assert here.made["img-1"].owner == MINE


def test_whoever_loses_a_race_is_told_and_marks_nothing() -> None:
    here = FakeCloud({"ins-1": replace(MACHINE, edition="4-eeeeeeee")})
    with pytest.raises(NotOwnerError, match="was taken by another copy of this state"):
        claim(here, MACHINE).take(sort_out(OWNER, (MACHINE,), ()))
    assert here.deeds == []
    taken = FakeCloud({"ins-1": replace(MACHINE, owner=OTHER)})
    with pytest.raises(NotOwnerError, match=rf"was taken by another state \({OTHER}\)"):
        claim(taken, MACHINE).demand()


def test_tags_that_are_denied_keep_nobody_from_going_on_but_are_told() -> None:
    here, said = FakeCloud({"ins-1": MACHINE}, refused={"mark": "AuthFailure.UnauthorizedOperation"}), Said()
    claim(here, MACHINE, said).take(sort_out(OWNER, (MACHINE,), ()))
    assert "grant tag:ModifyResourceTags, and the next update marks it" in str(said)


def test_tags_that_cannot_be_seen_yet_are_no_other_owner() -> None:
    claim(FakeCloud({"ins-1": replace(MACHINE, owner="", edition="")}), MACHINE).demand()


def test_an_update_that_changes_nothing_begins_no_edition() -> None:
    living = MachinePlan("L1", "z-3", "img-w", "L1", MACHINE)
    keep, found = Plan(Action.KEEP, "z-3", living), sort_out(OWNER, (MACHINE,), ())
    assert is_idle(keep, Prior("ins-1"), found, OWNER)
    assert not is_idle(keep, Prior(), found, OWNER), "the machine was found, not known"
    assert not is_idle(replace(keep, retired=(OLD,)), Prior("ins-1"), found, OWNER)
    assert not is_idle(keep, Prior("ins-1"), sort_out(OWNER, (replace(MACHINE, owner=""),), ()), OWNER)
    assert not is_idle(Plan(Action.PARK, "z-3", leaving=MACHINE), Prior("ins-1"), found, OWNER)
    assert is_idle(Plan(Action.LAUNCH, "z-3", living, refusal="no stock"), Prior(), Holdings(), EMPTY)
