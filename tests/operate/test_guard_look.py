"""What the guard outside makes of cloud, machine and log: what stands, what was left unfinished, who uses it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from guest.unattended.decision import (
    PARK,
    PARKED,
    RECLAIMED,
    RESTORE,
    RESTORING,
    RUNNING,
    UNSEEN,
    USES,
    WARN,
    Decision,
    Reason,
)
from guest.unattended.events import BEGUN, CHANGE, DONE, FAILED, GIVEN_UP, GUARD, PERSON, Event, of_decision, stamp
from operate.guard_look import RECLAIM, find_unfinished, see, what_stands
from operate.status import Status
from tencent.facts import Image, Instance

NOW = datetime(2026, 3, 4, 4, 0, tzinfo=UTC)
AT = NOW.timestamp()
MACHINE = Instance("ins-1", "RUNNING", "ap-guangzhou-3", "img-1", "20260304", NOW - timedelta(hours=2), "127.0.1.1")
IMAGE = Image("img-2", "chatglm-dev-1-ins-1", "NORMAL", NOW - timedelta(minutes=5), 75, "ins-1", 1)
OUTPUTS = {"machineId": "ins-1", "hourlyPrice": "1.92", "captures": [{}]}
READY = {
    "phase": "ready",
    "training": None,
    "unattended": {"use": {"idleSeconds": dict.fromkeys(USES, 90), "unknown": []}},
}


def status(**changes: Any) -> Status:
    plain = Status("dev", "running", "ap-guangzhou", NOW, MACHINE, IMAGE, READY, OUTPUTS)
    return replace(plain, **changes)


STANDS = {
    "ready": (status(), RUNNING),
    "silent": (status(guest=None), RUNNING),
    "stopped by a park that was cut off": (status(machine=replace(MACHINE, state="STOPPED"), guest=None), RUNNING),
    "installing": (status(guest={**READY, "phase": "bootstrapping"}), RESTORING),
    "its installation failed": (status(guest={**READY, "phase": "failed"}), RUNNING),
    "starting": (status(machine=replace(MACHINE, state="PENDING")), RESTORING),
    "launched by an update that was cut off": (status(machine=replace(MACHINE, id="ins-2")), RESTORING),
    "gone, and a whole image of it is there": (status(machine=None, guest=None), PARKED),
    "gone, and its image was made before it went on": (
        status(machine=None, guest=None, outputs={**OUTPUTS, "outdatedImages": ["img-2"]}),
        RECLAIMED,
    ),
    "gone, and the image is of an earlier machine": (
        status(machine=None, guest=None, image=replace(IMAGE, machine_id="ins-0")),
        RECLAIMED,
    ),
    "gone, and its image is not whole": (status(machine=None, image=replace(IMAGE, state="CREATING")), RECLAIMED),
    "ending": (status(machine=replace(MACHINE, state="TERMINATING"), image=None), RECLAIMED),
    "parked": (status(machine=None, outputs={"captures": [{}]}), PARKED),
    "never launched": (status(machine=None, image=None, outputs={}), "none"),
    "removed": (status(exists=False), "none"),
    "the cloud does not tell its machines": (status(machine=None, unknown={"machine": "denied"}), UNSEEN),
    "the cloud does not tell its images": (status(unknown={"image": "denied"}), UNSEEN),
}


@pytest.mark.parametrize("name", STANDS)
def test_what_stands(name: str) -> None:
    seen, expected = STANDS[name]
    assert what_stands(seen) == expected


def change(act: str, outcome: str, ago: float, by: str = GUARD) -> Event:
    return Event(stamp(AT - ago), by, CHANGE, act, Reason("idle", {"minutes": 40}), outcome, machine="ins-1")


UNFINISHED = {
    "nothing was begun": ([], None),
    "a park that ended well": ([change(PARK, BEGUN, 60), change(PARK, DONE, 5)], None),
    "a park that was cut off": ([change(PARK, BEGUN, 60)], (PARK, 60)),
    "a park that failed": ([change(PARK, BEGUN, 60), change(PARK, FAILED, 5)], (PARK, 60)),
    "a park that failed twice": (
        [change(PARK, BEGUN, 600), change(PARK, FAILED, 500), change(PARK, BEGUN, 60), change(PARK, FAILED, 5)],
        (PARK, 600),
    ),
    "a park behind somebody's lock": ([change(PARK, BEGUN, 60), change(PARK, GIVEN_UP, 5)], None),
    "a park that was cut off, then tried behind a lock": (
        [change(PARK, BEGUN, 600), change(PARK, BEGUN, 60), change(PARK, GIVEN_UP, 5)],
        (PARK, 600),
    ),
    "a park that was given up by a restore": (
        [change(PARK, BEGUN, 600), change(RESTORE, BEGUN, 60), change(RESTORE, DONE, 5)],
        None,
    ),
    "a restore that was cut off": ([change(RESTORE, BEGUN, 60)], (RESTORE, 60)),
    "a person went on": ([change(PARK, BEGUN, 60), change("up", DONE, 5, PERSON)], None),
    "a person failed": ([change(PARK, BEGUN, 60), change("up", FAILED, 5, PERSON)], (PARK, 60)),
    "a day ago": ([change(PARK, BEGUN, 86_400)], None),
}


@pytest.mark.parametrize("name", UNFINISHED)
def test_what_was_left_unfinished(name: str) -> None:
    events, expected = UNFINISHED[name]
    found = find_unfinished(events, AT)
    assert (found and (found.act, found.seconds)) == expected


def test_a_look_holds_what_the_machine_says_of_its_use() -> None:
    use = {"idleSeconds": {"demo": 90, "api": 90, "gpu": 90.5, "login": 0}, "unknown": ["gpu"]}
    look = see(status(guest={**READY, "unattended": {"use": use}}), [], AT).look
    assert look.idle == {"demo": 90.0, "api": 90.0, "gpu": None, "login": 0.0}
    assert (look.seen, look.hourly, look.since, look.outside) == (True, 1.92, MACHINE.created, True)


@pytest.mark.parametrize("use", [None, {"error": {"message": "x"}}, {"idleSeconds": 3}])
def test_use_that_cannot_be_read_is_unknown(use: Any) -> None:
    assert see(status(guest={**READY, "unattended": {"use": use}}), [], AT).look.idle == {}


def test_a_machine_of_an_earlier_version_says_nothing_of_its_use() -> None:
    assert see(status(guest={"phase": "ready"}), [], AT).look.idle == {}


@pytest.mark.parametrize(
    ("training", "kind"),
    [
        ({"running": "r", "kind": "train"}, "training"),
        ({"running": "r", "kind": "evaluate"}, "evaluation"),
        ({"running": "r", "kind": "compare"}, "evaluation"),
        ({"error": {"message": "newer"}}, "training"),
    ],
)
def test_a_task_in_hand_is_seen(training: dict[str, Any], kind: str) -> None:
    task = see(status(guest={**READY, "training": training}), [], AT).look.task
    assert task is not None
    assert task.kind == kind


def test_an_interrupted_run_is_the_newest_that_is_to_go_on() -> None:
    rows = [
        {"run": "old", "state": "interrupted", "keepGoing": True, "created": "2026-01-01"},
        {"run": "new", "state": "interrupted", "keepGoing": True, "created": "2026-02-01"},
        {"run": "left", "state": "interrupted", "keepGoing": False, "created": "2026-03-01"},
        {"run": "done", "state": "finished", "keepGoing": True, "created": "2026-04-01"},
    ]
    assert see(status(), [], AT, runs=lambda: {"runs": rows}).look.interrupted == "new"


def test_a_warning_stands_since_the_guard_first_said_so() -> None:
    warning = of_decision(stamp(AT - 300), GUARD, Decision(WARN, Reason("idle-soon")), "ins-1")
    stay = of_decision(stamp(AT - 60), GUARD, Decision("stay", Reason("in-use")), "ins-1")
    assert see(status(), [warning], AT).look.warned == 300
    assert see(status(), [warning, stay], AT).look.warned is None
    assert see(status(machine=replace(MACHINE, id="ins-2")), [warning], AT).look.warned is None


def test_failed_tries_of_the_last_hour_count() -> None:
    events = [change(RESTORE, FAILED, ago) for ago in (7200, 1800, 60)]
    assert see(status(), events, AT).look.tries == (1800, 60)


def test_a_reclaim_is_news_once_and_has_a_beginning() -> None:
    gone = status(machine=None, image=None)
    first = see(gone, [], AT)
    assert first.is_news
    later = see(gone, [change(RECLAIM, DONE, 120), change(RESTORE, BEGUN, 100), change(RESTORE, FAILED, 90)], AT)
    assert not later.is_news
    assert later.look.since == NOW - timedelta(seconds=120)
    again = see(gone, [change(RECLAIM, DONE, 7200), change(RESTORE, BEGUN, 7000), change(RESTORE, DONE, 6900)], AT)
    assert again.is_news
