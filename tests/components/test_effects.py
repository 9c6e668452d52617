"""Which setting takes effect when, and what is true of a living machine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from components.effects import AT_LAUNCH, TOLD, Changes, as_it_stands, digests, effect_notes, find_changes
from components.prior import Prior
from components.settings import Settings
from tencent.facts import Instance

MACHINE = Instance("ins-1", "RUNNING", "z-3", "img-w", "L1", datetime(2026, 1, 2, tzinfo=UTC))


def settings(**changes: Any) -> Settings:
    return Settings(**{"adminPassword": "Correct-Horse-7", **changes})


def prior(**changes: Any) -> Prior:
    before = settings()
    known = {
        "machine_id": "ins-1",
        "machine_password": "Correct-Horse-7",
        "demo_password": "as-it-was-made",
        "told": digests(before, TOLD),
        "launched": digests(before, AT_LAUNCH),
    }
    return Prior(**{**known, **changes})


def test_nothing_changed() -> None:
    assert find_changes(settings(), prior(), MACHINE) == Changes()
    assert effect_notes(Changes(), settings()) == ()


def test_what_the_machine_serves_with_is_told_and_what_belongs_to_a_launch_waits() -> None:
    now = settings(
        demoPort=7999, torchMirrors=["https://example.com/wheels"], hostname="other", adminPassword="New-Pass-88x"
    )
    changes = find_changes(now, prior(), MACHINE)
    assert changes == Changes(told=("demoPort", "torchMirrors"), waiting=("adminPassword", "hostname"))
    waiting, told = effect_notes(changes, now)
    assert "chatglm:adminPassword, chatglm:hostname changed: the machine keeps what it was launched with" in waiting
    assert "chatglm:demoPort, chatglm:torchMirrors changed: this update tells the machine" in told


def test_a_machine_that_is_not_waited_for_is_told_nothing_and_that_is_said() -> None:
    now = settings(demoPort=7999, waitReady=False)
    [note] = effect_notes(find_changes(now, prior(), MACHINE), now)
    assert "chatglm:waitReady is false: the machine is not told, and keeps what it has." in note


def test_a_new_machine_waits_for_nothing() -> None:
    assert find_changes(settings(hostname="other"), prior(), None) == Changes()


def test_a_stack_of_an_earlier_version_did_not_keep_what_it_was_told() -> None:
    assert find_changes(settings(demoPort=7999), prior(told={}, launched={}), MACHINE) == Changes()


def test_https_is_told_to_a_living_machine_and_was_nobodys_choice_before_it_was_offered() -> None:
    assert find_changes(settings(demoTls=True), prior(), MACHINE).told == ("demoTls",)
    earlier = {key: value for key, value in digests(settings(), TOLD).items() if key != "demoTls"}
    assert find_changes(settings(), prior(told=earlier), MACHINE) == Changes()
    assert find_changes(settings(demoTls=True), prior(told=earlier), MACHINE).told == ("demoTls",)


def test_another_demo_password_is_told_too() -> None:
    chosen = prior(told=digests(settings(demoPassword="chosen-one-1"), TOLD), demo_password="chosen-one-1")
    assert find_changes(settings(demoPassword="chosen-two-2"), chosen, MACHINE).told == ("demoPassword",)


def test_a_living_machine_takes_the_passwords_that_it_has() -> None:
    now = as_it_stands(settings(adminPassword="New-Pass-88x"), prior(), MACHINE)
    assert now.admin_password.get_secret_value() == "Correct-Horse-7"
    assert now.login_password("renamed") == "as-it-was-made"


def test_a_password_that_was_chosen_and_is_chosen_no_more_gives_way_to_a_made_one() -> None:
    chosen = prior(told=digests(settings(demoPassword="chosen-one-1"), TOLD), demo_password="chosen-one-1")
    assert as_it_stands(settings(), chosen, MACHINE).login_password("dev") == settings().login_password("dev")


def test_a_new_machine_takes_the_settings_as_they_are() -> None:
    asked = settings(adminPassword="New-Pass-88x")
    assert as_it_stands(asked, prior(), None) is asked


def test_no_secret_stands_in_a_digest() -> None:
    given = settings(demoPassword="chosen-one-1")
    assert digests(given, (*TOLD, *AT_LAUNCH))["demoPassword"] == "chosen"
    assert "adminPassword" not in digests(given, AT_LAUNCH)
