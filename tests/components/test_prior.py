"""What is read of the state: outputs of the last update, the identity, and the ids that the state holds."""

from __future__ import annotations

from typing import Any

import pytest

from components.identity import Identity
from components.prior import SCHEMA, NewerStateError, Prior, unknown_form
from tencent.ownership import Edition

URN = "urn:pulumi:dev::chatglm::"


def state(**outputs: Any) -> dict[str, dict[str, Any]]:
    """Resources as the engine tells them (captured from 3.259.0)."""
    stashed = {"name": "mineminemine", "edition": "4-aaaaaaaa", "launches": ["L4"], "adopting": ""}
    return {
        f"{URN}pulumi:pulumi:Stack::chatglm-dev": {
            "type": "pulumi:pulumi:Stack",
            "outputs": {"machineId": "ins-1", "demoUrl": "http://127.0.1.1:7860", "edition": "3-bbbbbbbb", **outputs},
        },
        f"{URN}pulumi:index:Stash::identity": {
            "type": "pulumi:index:Stash",
            "outputs": {"input": stashed, "output": {**stashed, "edition": "1-cccccccc"}},
        },
        f"{URN}machine": {
            "type": "tencentcloud:Instance/instance:Instance",
            "outputs": {"id": "ins-1", "password": "Correct-Horse-7"},
        },
        f"{URN}capture": {"type": "tencentcloud:Image/instance:Instance", "outputs": {"id": "img-1"}},
        f"{URN}vpc": {"type": "tencentcloud:Vpc/instance:Instance", "outputs": {"id": "vpc-1"}},
    }


def test_the_identity_is_the_newest_that_was_written_not_the_first() -> None:
    prior = Prior.from_state(state())
    assert prior.identity == Identity("mineminemine", Edition(4, "aaaaaaaa"), ("L4",))


def test_launches_count_only_after_an_update_that_did_not_come_to_its_end() -> None:
    assert Prior.from_state(state()).launches == ("L4",)
    assert Prior.from_state(state(edition="4-aaaaaaaa")).launches == ()


def test_it_knows_what_the_state_holds_and_the_password_that_the_machine_has() -> None:
    prior = Prior.from_state(state())
    assert (prior.held, prior.images, prior.vpc_id) == ({"ins-1"}, {"img-1"}, "vpc-1")
    assert (prior.machine_password, prior.demo_port) == ("Correct-Horse-7", 7860)
    assert "Correct-Horse-7" not in repr(prior)


def test_it_knows_how_the_demo_was_served_last() -> None:
    assert not Prior.from_state(state()).demo_tls
    prior = Prior.from_state(state(demoUrl="https://127.0.1.1:7999", demoCertificate="PEM"))
    assert (prior.demo_tls, prior.demo_port, prior.demo_certificate) == (True, 7999, "PEM")


def test_a_machine_that_only_the_outputs_name_is_known_but_not_held() -> None:
    rows = state(machineId="ins-ghost")
    prior = Prior.from_state(rows)
    assert prior.machines == {"ins-1", "ins-ghost"}
    assert prior.held == {"ins-1"}


def test_a_new_stack_is_empty_and_one_without_an_identity_is_of_an_earlier_version() -> None:
    assert Prior.from_state({}).is_empty
    rows = state()
    del rows[f"{URN}pulumi:index:Stash::identity"]
    assert Prior.from_state(rows).is_legacy
    assert not Prior.from_state(state()).is_legacy


def test_a_word_of_adoption_is_obeyed_once() -> None:
    identity = Identity.new()
    assert Prior().owner(identity, "o/c/dev", "otherotherot").adopts == "otherotherot"
    assert Prior(adopted="otherotherot").owner(identity, "o/c/dev", "otherotherot").adopts == ""


def test_a_stash_that_somebody_wrote_by_hand_is_no_identity() -> None:
    for value in (None, "text", {}, {"name": "x"}, {"name": "x", "edition": "three"}):
        assert Identity.from_stash(value) is None


def test_an_older_copy_that_becomes_the_later_one_passes_what_the_later_one_wrote() -> None:
    identity = Identity("mineminemine", Edition(4, "aaaaaaaa"))
    assert identity.next(["L5", ""], beyond=9).edition.number == 10
    assert identity.next(["L5", ""]).edition.number == 5
    assert identity.next(["L5", ""]).launches == ("L5",)


@pytest.mark.parametrize("outputs", [{}, {"schema": SCHEMA}, {"schema": float(SCHEMA)}], ids=["before", "own", "state"])
def test_outputs_of_this_version_and_of_those_before_are_read(outputs: dict[str, Any]) -> None:
    assert unknown_form(outputs) == ""
    assert Prior.from_state(state(**outputs)).machine_id == "ins-1"


@pytest.mark.parametrize("form", [SCHEMA + 1, float(SCHEMA + 1), "two", True, 0])
def test_outputs_of_a_later_version_are_refused_with_what_to_do(form: object) -> None:
    with pytest.raises(NewerStateError, match=r"last updated by a later version .* Nothing was changed.*git pull"):
        Prior.from_state(state(schema=form))


def test_the_form_is_named_as_a_person_would_write_it() -> None:
    assert f"form {SCHEMA + 1}, and this version knows {SCHEMA}" in unknown_form({"schema": float(SCHEMA + 1)})
