"""Whose a machine or an image is, by what it carries and what a state knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tencent.facts import NO_LAUNCH, Image, Instance
from tencent.ownership import RELEASED, Bond, Edition, Owner, image_bond, machine_bond, new_identity, sort_out

STACK, MINE, OTHER = "organization/chatglm/dev", "mineminemine", "otherotherot"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
OWNER = Owner(
    MINE, Edition(3, "aaaaaaaa"), STACK, frozenset({"ins-1"}), frozenset({"img-1"}), frozenset({"L2"}), "vpc-1"
)
EMPTY = Owner(MINE, Edition(0, "00000000"), STACK)
MACHINE = Instance("ins-1", "RUNNING", "z-3", "img-w", "L1", NOW, stack=STACK, owner=MINE, edition="3-aaaaaaaa")
IMAGE = Image("img-1", "chatglm-dev-1-ins-1", "NORMAL", NOW, 75, "ins-1", 1, stack=STACK, owner=MINE)


@pytest.mark.parametrize(
    ("about", "owner", "changes", "bond"),
    [
        ("its own", OWNER, {}, Bond.OWN),
        ("used by a later edition", OWNER, {"edition": "4-bbbbbbbb"}, Bond.NEWER),
        ("used by a copy that began the same edition", OWNER, {"edition": "3-bbbbbbbb"}, Bond.NEWER),
        ("used by an edition before", OWNER, {"edition": "2-bbbbbbbb"}, Bond.OWN),
        ("tags copied by hand", OWNER, {"id": "ins-9"}, Bond.STRAY),
        ("launched by an update that was cut off", OWNER, {"id": "ins-9", "launch": "L2"}, Bond.OWN),
        ("another's of the same name", OWNER, {"id": "ins-9", "owner": OTHER}, Bond.FOREIGN),
        ("taken over though this state names it", OWNER, {"owner": OTHER}, Bond.FOREIGN),
        ("another's of another name", OWNER, {"id": "ins-9", "owner": OTHER, "stack": "o/c/x"}, Bond.NONE),
        ("given by its identity", replace(EMPTY, adopts=OTHER), {"owner": OTHER}, Bond.OWN),
        ("given by its id", replace(EMPTY, adopts="ins-1"), {"owner": ""}, Bond.OWN),
        ("named, and marked by nobody", OWNER, {"owner": ""}, Bond.OWN),
        ("of an earlier version, named by nobody", EMPTY, {"owner": ""}, Bond.UNKNOWN),
        ("of an earlier version's state", replace(EMPTY, legacy=True), {"owner": ""}, Bond.OWN),
        ("no tags yet", OWNER, {"id": "ins-9", "owner": "", "stack": "", "vpc_id": "vpc-1"}, Bond.OWN),
        ("no tags, another network", OWNER, {"id": "ins-9", "owner": "", "stack": "", "vpc_id": "vpc-2"}, Bond.NONE),
        (
            "no tags, where no network is known",
            replace(OWNER, vpc_id=""),
            {"id": "ins-9", "owner": "", "stack": "", "vpc_id": ""},
            Bond.NONE,
        ),
        (
            "no tags, and no launch is open",
            replace(OWNER, launches=frozenset()),
            {"id": "ins-9", "owner": "", "stack": "", "vpc_id": "vpc-1"},
            Bond.NONE,
        ),
        (
            "another stack's tag in the own network",
            OWNER,
            {"id": "ins-9", "owner": "", "stack": "o/c/x", "vpc_id": "vpc-1"},
            Bond.NONE,
        ),
        (
            "of an earlier version's state of another name",
            replace(EMPTY, legacy=True),
            {"owner": "", "stack": "o/c/x"},
            Bond.NONE,
        ),
        (
            "a second one of an earlier version's state",
            replace(OWNER, legacy=True),
            {"id": "ins-9", "owner": "", "vpc_id": "vpc-2"},
            Bond.UNKNOWN,
        ),
        (
            "a second one of an earlier version's state in its network",
            replace(OWNER, legacy=True),
            {"id": "ins-9", "owner": "", "vpc_id": "vpc-1"},
            Bond.OWN,
        ),
        ("nothing is given where no word was said", EMPTY, {"owner": "", "stack": "", "id": ""}, Bond.NONE),
        ("something else is given", replace(EMPTY, adopts="ins-7"), {"owner": OTHER}, Bond.FOREIGN),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_machines(about: str, owner: Owner, changes: dict[str, Any], bond: Bond) -> None:
    assert machine_bond(owner, replace(MACHINE, **changes)) is bond, about


@pytest.mark.parametrize(
    ("about", "owner", "changes", "bond"),
    [
        ("its own", OWNER, {}, Bond.OWN),
        ("its own after a rename", replace(OWNER, stack_id="organization/chatglm/new"), {}, Bond.OWN),
        ("used by a later edition", OWNER, {"edition": "4-bbbbbbbb"}, Bond.NEWER),
        ("released under this name", EMPTY, {"owner": RELEASED}, Bond.FREE),
        ("released under another name", EMPTY, {"owner": RELEASED, "stack": "o/c/x"}, Bond.ELSEWHERE),
        ("released by this very state, under the name of before", OWNER,
         {"owner": RELEASED, "stack": "o/c/x"}, Bond.FREE),
        ("another's of another name", EMPTY, {"owner": OTHER, "stack": "o/c/x"}, Bond.NONE),
        ("another's, made of a machine of ours", OWNER,
         {"id": "img-9", "owner": OTHER, "stack": "o/c/x"}, Bond.FOREIGN),
        ("another's without a name, made of a machine of ours", OWNER,
         {"id": "img-9", "owner": OTHER, "stack": ""}, Bond.NONE),
        ("another's of a machine that nobody here knows", OWNER,
         {"id": "img-9", "owner": OTHER, "stack": "o/c/x", "machine_id": "ins-9"}, Bond.NONE),
        ("given by its identity", replace(EMPTY, adopts=OTHER), {"owner": OTHER}, Bond.OWN),
        ("given by its id", replace(EMPTY, adopts="img-1"), {"owner": OTHER}, Bond.OWN),
        ("nothing is given where no word was said", EMPTY, {"owner": "", "stack": "", "id": ""}, Bond.NONE),
        ("of an earlier version's state", replace(EMPTY, legacy=True), {"owner": ""}, Bond.OWN),
        ("of an earlier version's state of another name", replace(EMPTY, legacy=True),
         {"owner": "", "stack": "o/c/x"}, Bond.NONE),
        ("named, and marked by nobody", OWNER, {"owner": "", "stack": "o/c/x"}, Bond.OWN),
        ("tagged, of a machine of ours, by another name", OWNER,
         {"id": "img-9", "owner": "", "stack": "o/c/x"}, Bond.NONE),
        ("another's of the same name", EMPTY, {"owner": OTHER}, Bond.FOREIGN),
        ("of an earlier version", EMPTY, {"owner": ""}, Bond.UNKNOWN),
        ("untagged, of a machine of ours", OWNER, {"id": "img-9", "owner": "", "stack": ""}, Bond.OWN),
        ("untagged, of a stack whose name begins alike", OWNER,
         {"id": "img-9", "owner": "", "stack": "", "name": "chatglm-dev-2-1-ins-1"}, Bond.NONE),
        ("untagged, of somebody's machine", OWNER,
         {"id": "img-9", "owner": "", "stack": "", "machine_id": "ins-9", "name": "chatglm-dev-1-ins-9"}, Bond.NONE),
        ("a person's own", OWNER,
         {"id": "img-9", "owner": "", "stack": "", "machine_id": "", "name": "chatglm-dev-before-finetune"}, Bond.NONE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_images(about: str, owner: Owner, changes: dict[str, Any], bond: Bond) -> None:
    assert image_bond(owner, replace(IMAGE, **changes)) is bond, about


def test_what_a_destroy_released_is_there_for_a_state_that_has_nothing() -> None:
    free = replace(IMAGE, owner=RELEASED)
    assert sort_out(EMPTY, (), (free,)).images == (free,)


def test_what_this_very_state_released_is_its_own_beside_a_machine_too() -> None:
    free, others = replace(IMAGE, owner=RELEASED), replace(IMAGE, id="img-9", owner=RELEASED)
    found = sort_out(OWNER, (MACHINE,), (free, others))
    assert (found.machines, found.images, found.free) == ((MACHINE,), (free,), (others,))


def test_images_of_an_earlier_version_are_there_for_a_state_that_has_nothing() -> None:
    image = replace(IMAGE, owner="")
    assert sort_out(EMPTY, (), (image,)).images == (image,)
    own = replace(IMAGE, id="img-2")
    held = sort_out(EMPTY, (), (image, own))
    assert (held.images, held.unknown) == ((own,), (image,)), "one that has something leaves them alone"
    free = replace(IMAGE, id="img-3", owner=RELEASED)
    let_go = sort_out(EMPTY, (), (image, free))
    assert (let_go.images, let_go.unknown) == ((free,), (image,)), "what was let go in words comes first"


def test_a_machine_whose_launch_is_the_one_open_is_taken_for_it() -> None:
    """Its tags were cut off: the name of its launch is known from the state alone."""
    bare = replace(MACHINE, id="ins-9", owner="", stack="", launch=NO_LAUNCH, vpc_id="vpc-1")
    assert [one.launch for one in sort_out(OWNER, (bare,), ()).machines] == ["L2"]
    named = replace(bare, id="ins-1")
    assert [one.launch for one in sort_out(OWNER, (named,), ()).machines] == [NO_LAUNCH], "its record says it"
    assert [one.launch for one in sort_out(OWNER, (MACHINE,), ()).machines] == ["L1"]


def test_what_failed_or_has_ended_is_not_marked() -> None:
    renamed = replace(OWNER, stack_id="organization/chatglm/new")
    failed, ended = replace(IMAGE, state="CREATEFAILED"), replace(MACHINE, state="TERMINATING")
    assert sort_out(renamed, (ended,), (failed,)).unmarked(renamed) == ()
    assert sort_out(renamed, (), (IMAGE,)).unmarked(renamed) == (IMAGE,)


def test_an_update_begins_the_next_edition_with_letters_of_its_own() -> None:
    began = [OWNER.edition.next() for _ in range(2)]
    assert [one.number for one in began] == [4, 4]
    assert len({one.letters for one in began}) == 2
    assert all(Edition.parse(str(one)) == one for one in began)
    assert OWNER.stack == "dev"


def test_what_a_destroy_released_is_left_alone_by_a_state_that_has_a_machine() -> None:
    free = replace(IMAGE, id="img-9", owner=RELEASED)
    found = sort_out(OWNER, (MACHINE,), (free,))
    assert (found.images, found.free) == ((), (free,))


def test_images_of_an_earlier_version_stay_with_a_machine_that_nobody_here_knows() -> None:
    machine, image = replace(MACHINE, owner=""), replace(IMAGE, owner="")
    found = sort_out(EMPTY, (machine,), (image,))
    assert (found.machines, found.images) == ((), ())
    assert set(found.unknown) == {machine, image}


def test_what_was_taken_over_is_told_from_what_was_never_ours() -> None:
    taken, never = replace(MACHINE, owner=OTHER), replace(MACHINE, id="ins-9", owner=OTHER)
    found = sort_out(OWNER, (taken, never), ())
    assert found.lost == (taken,)
    assert set(found.foreign) == {taken, never}


def test_an_image_that_another_made_of_our_machine_shows_that_it_was_taken_over() -> None:
    theirs = replace(IMAGE, id="img-9", owner="another00000", machine_id=next(iter(OWNER.machines)))
    assert sort_out(OWNER, (), (theirs,)).lost == (theirs,)


def test_an_ended_machine_of_another_is_nobodys_business() -> None:
    assert sort_out(EMPTY, (replace(MACHINE, owner=OTHER, state="TERMINATING"),), ()).foreign == ()


def test_what_carries_the_mark_under_an_old_name_is_to_be_marked_again() -> None:
    renamed = replace(OWNER, stack_id="organization/chatglm/new")
    assert sort_out(renamed, (MACHINE,), ()).unmarked(renamed) == (MACHINE,)
    assert sort_out(OWNER, (MACHINE,), ()).unmarked(OWNER) == ()


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_of_two_editions_one_at_most_is_behind_unless_they_share_a_number(one: int, other: int) -> None:
    first, second = Edition(one, "aaaaaaaa"), Edition(other, "bbbbbbbb")
    assert first.is_behind(second) == (other >= one)
    assert not first.is_behind(first)
    assert Edition.parse(str(first)) == first


@pytest.mark.parametrize("text", ["", "3", "3-zz", "three-aaaaaaaa", "3-aaaaaaaa-"])
def test_a_tag_that_somebody_wrote_by_hand_is_no_edition(text: str) -> None:
    assert Edition.parse(text) is None
    assert not OWNER.edition.is_behind(Edition.parse(text))


def test_identities_differ_and_can_be_typed() -> None:
    made = {new_identity() for _ in range(100)}
    assert len(made) == 100
    assert all(len(name) == 12 and not set(name) & set("0o1lO") for name in made)
