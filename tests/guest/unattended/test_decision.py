"""The decision of a guard, row by row: what is seen and what the settings say in, what is to be done out."""

from __future__ import annotations

import datetime
import inspect
import re

import pytest

from guest.unattended import decision as module
from guest.unattended.decision import (
    CHINA,
    PARK,
    PARKED,
    RECLAIMED,
    RESTORE,
    RESTORING,
    RESUME,
    RUNNING,
    STAY,
    WARN,
    Decision,
    Look,
    Reason,
    Rules,
    Task,
    Unfinished,
    decide,
)
from guest.unattended.words import ACTS, OPEN, WORDS, say, say_decision

HOUR = 3600.0
NOON = datetime.datetime(2026, 3, 4, 12, 0, tzinfo=CHINA)
IDLE = Rules(idle_seconds=1800, warn_seconds=600)
EVENING = Rules(park_at=22 * 60, restore_at=8 * 60, warn_seconds=600)


def used(seconds: float) -> dict[str, float | None]:
    return dict.fromkeys(module.USES, seconds)


def at(hour: int, minute: int = 0) -> datetime.datetime:
    return NOON.replace(hour=hour, minute=minute)


def look(stands: str = RUNNING, **facts: object) -> Look:
    return Look(**{"now": NOON, "stands": stands, "idle": used(0), "since": at(9), **facts})  # type: ignore[arg-type]


def told(made: Decision) -> tuple[str, str]:
    return made.act, made.reason.id


TRAINING = Task(module.TRAINING, "run-1")
EVALUATION = Task(module.EVALUATION, "run-1")
BUDGET = Rules(budget_per_day=50, warn_seconds=600)
MONTH = Rules(budget_per_month=500)
BACK = Rules(restore_after_reclaim=True)

ROWS = {
    # what is used stays, what is idle is warned of and then parked
    "nothing is set": (look(idle=used(9e9)), Rules(), (STAY, "off")),
    "in use": (look(idle=used(1799)), IDLE, (STAY, "in-use")),
    "idle, first look": (look(idle=used(1800)), IDLE, (WARN, "idle-soon")),
    "idle, warned too shortly": (look(idle=used(2300), warned=599.0), IDLE, (WARN, "idle-soon")),
    "idle, warned long enough": (look(idle=used(2400), warned=600.0), IDLE, (PARK, "idle")),
    "idle without a warning set": (look(idle=used(1800)), Rules(idle_seconds=1800, warn_seconds=0), (PARK, "idle")),
    "one kind was used": (look(idle=used(9e9) | {"login": 60.0}, warned=900.0), IDLE, (STAY, "in-use")),
    "a use that does not count": (
        look(idle=used(9e9) | {"login": 60.0}, warned=900.0),
        Rules(idle_seconds=1800, uses=("demo", "api")),
        (PARK, "idle"),
    ),
    "a use that cannot be measured": (look(idle=used(9e9) | {"gpu": None}, warned=900.0), IDLE, (STAY, "use-unknown")),
    "the machine does not answer": (look(idle={}, seen=False, warned=900.0), IDLE, (STAY, "use-unknown")),
    "idle during a training": (look(idle=used(9e9), task=TRAINING, warned=900.0), IDLE, (STAY, "task")),
    "idle during an evaluation": (look(idle=used(9e9), task=EVALUATION, warned=900.0), IDLE, (STAY, "task")),
    "outside, where the machine has its own guard": (
        look(idle=used(2399), outside=True, warned=900.0),
        Rules(idle_seconds=1800, own_guard=True),
        (STAY, "in-use"),
    ),
    "outside, after the machine's own guard did nothing": (
        look(idle=used(2400), outside=True, warned=900.0),
        Rules(idle_seconds=1800, own_guard=True),
        (PARK, "idle"),
    ),
    # a clock that jumps ends and makes nothing
    "the clock jumped on": (look(idle=used(9e9), warned=900.0, clock_moved=7200.0), IDLE, (STAY, "clock-jumped")),
    "the clock jumped back": (look(PARKED, now=at(8, 1), clock_moved=-7200.0), EVENING, (STAY, "clock-jumped")),
    # budgets
    "below the budget": (look(spent_today=49.0), BUDGET, (STAY, "in-order")),
    "the budget is nearly spent": (look(spent_today=49.5, hourly=6.0), BUDGET, (WARN, "budget-day-soon")),
    "the budget is spent, in use": (look(spent_today=50.0), BUDGET, (PARK, "budget-day")),
    "the budget is spent, in a training": (look(spent_today=50.0, task=TRAINING), BUDGET, (PARK, "budget-day")),
    "the month's budget is spent": (look(spent_this_month=501.0), MONTH, (PARK, "budget-month")),
    "the bill is unknown": (look(spent_today=None), BUDGET, (STAY, "in-order")),
    "the budget is spent, unseen": (look(spent_today=60.0, seen=False), BUDGET, (STAY, "budget-day-unseen")),
    "an idle park does not wait for the budget's warning": (
        look(spent_today=49.5, hourly=6.0, idle=used(9000), warned=700.0),
        Rules(budget_per_day=50, idle_seconds=1800),
        (PARK, "idle"),
    ),
    # times of day
    "before the evening": (look(now=at(21)), EVENING, (STAY, "in-order")),
    "shortly before the evening": (look(now=at(21, 51)), EVENING, (WARN, "park-at-soon")),
    "the evening, warned": (look(now=at(22), warned=600.0), EVENING, (PARK, "park-at")),
    "the evening, not warned": (look(now=at(22, 5)), EVENING, (WARN, "park-at-soon")),
    "the evening, in a training": (look(now=at(22, 5), task=TRAINING, warned=900.0), EVENING, (STAY, "park-at-waits")),
    "the evening, unseen": (look(now=at(22, 5), seen=False), EVENING, (STAY, "park-at-unseen")),
    "brought up after the evening": (look(now=at(23), since=at(22, 30), warned=900.0), EVENING, (STAY, "in-order")),
    "the evening was missed until the next morning": (
        look(now=at(8, 5), since=at(9) - datetime.timedelta(days=1), warned=900.0),
        EVENING,
        (STAY, "in-order"),
    ),
    "the evening was half a day ago": (
        look(now=at(10, 5), since=at(9) - datetime.timedelta(days=1), warned=900.0),
        Rules(park_at=22 * 60),
        (STAY, "in-order"),
    ),
    "the morning": (look(PARKED, now=at(8), since=at(1)), EVENING, (RESTORE, "restore-at")),
    "before the morning": (look(PARKED, now=at(7, 59), since=at(1)), EVENING, (STAY, "parked")),
    "parked by hand after the morning": (look(PARKED, now=at(9), since=at(8, 30)), EVENING, (STAY, "parked")),
    "the morning, without money": (
        look(PARKED, now=at(8), since=at(1), spent_this_month=500.0),
        Rules(restore_at=480, budget_per_month=500),
        (STAY, "budget-month-keeps-parked"),
    ),
    # a reclaim
    "reclaimed": (look(RECLAIMED), BACK, (RESTORE, "reclaimed-back")),
    "reclaimed, and nobody wants it back": (look(RECLAIMED), IDLE, (STAY, "reclaimed")),
    "reclaimed, and no budget left": (
        look(RECLAIMED, spent_today=51.0),
        Rules(restore_after_reclaim=True, budget_per_day=50),
        (STAY, "budget-day-keeps-parked"),
    ),
    "reclaimed before the evening, found after it": (
        look(RECLAIMED, now=at(22, 1), since=at(21, 59)),
        Rules(restore_after_reclaim=True, park_at=22 * 60, restore_at=8 * 60),
        (STAY, "reclaimed-at-night"),
    ),
    "reclaimed at night where somebody had brought it up": (
        look(RECLAIMED, now=at(23, 5), since=at(23)),
        Rules(restore_after_reclaim=True, park_at=22 * 60, restore_at=8 * 60),
        (RESTORE, "reclaimed-back"),
    ),
    "a try failed a moment ago": (look(RECLAIMED, tries=(20.0,)), BACK, (STAY, "backing-off")),
    "a try failed a minute ago": (look(RECLAIMED, tries=(60.0,)), BACK, (RESTORE, "reclaimed-back")),
    "the back-off doubles": (look(RECLAIMED, tries=(60.0, 120.0, 180.0)), BACK, (STAY, "backing-off")),
    "too many tries": (look(RECLAIMED, tries=tuple(600.0 * n for n in range(6))), BACK, (STAY, "too-many-tries")),
    "tries of an hour ago do not count": (look(RECLAIMED, tries=(3601.0,) * 9), BACK, (RESTORE, "reclaimed-back")),
    "an interrupted training goes on": (look(interrupted="run-1"), BACK, (RESUME, "interrupted")),
    "another training runs already": (look(interrupted="run-1", task=TRAINING), BACK, (STAY, "task")),
    "no resuming where nothing comes back": (look(interrupted="run-1"), IDLE, (STAY, "in-use")),
    # what was cut off goes on
    "coming up": (look(RESTORING, idle=used(9e9), warned=900.0), IDLE, (STAY, "restoring")),
    "a restore was cut off": (
        look(RESTORING, unfinished=Unfinished(RESTORE, 60)),
        IDLE,
        (RESTORE, "unfinished-restore"),
    ),
    "a restore was cut off before it began": (
        look(PARKED, unfinished=Unfinished(RESTORE, 60)),
        IDLE,
        (RESTORE, "unfinished-restore"),
    ),
    "a park was cut off, unused since": (
        look(idle=used(2500), unfinished=Unfinished(PARK, 60)),
        IDLE,
        (PARK, "unfinished-park"),
    ),
    "a park was cut off, used since": (
        look(idle=used(30), unfinished=Unfinished(PARK, 60)),
        IDLE,
        (RESTORE, "park-given-up"),
    ),
    "a park was cut off, unseen since": (
        look(seen=False, unfinished=Unfinished(PARK, 60)),
        IDLE,
        (RESTORE, "park-given-up"),
    ),
    "a park was cut off behind the machine's end": (
        look(RECLAIMED, unfinished=Unfinished(PARK, 60)),
        BACK,
        (PARK, "unfinished-park"),
    ),
    "what was cut off goes on even where all rules were taken away": (
        look(RESTORING, unfinished=Unfinished(RESTORE, 60)),
        Rules(),
        (RESTORE, "unfinished-restore"),
    ),
    "the cloud does not answer": (look("unseen", unfinished=Unfinished(RESTORE, 60)), BACK, (STAY, "cloud-unseen")),
    "a park failed a moment ago": (look(idle=used(2400), warned=600.0, tries=(20.0,)), IDLE, (STAY, "backing-off")),
    "a warning is no try": (look(idle=used(1800), tries=(20.0,)), IDLE, (WARN, "idle-soon")),
    "a park was cut off, and what was used since keeps no machine": (
        look(idle=used(2500) | {"login": 30.0}, unfinished=Unfinished(PARK, 60)),
        Rules(idle_seconds=1800, uses=("demo",)),
        (RESTORE, "park-given-up"),
    ),
    "nothing was ever made": (look("none"), IDLE, (STAY, "nothing-stands")),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_of_the_table(row: str) -> None:
    seen, rules, expected = ROWS[row]
    assert told(decide(seen, rules)) == expected


def test_only_a_budget_ends_a_training_and_saves_it_first() -> None:
    made = decide(look(spent_today=50.0, task=TRAINING), BUDGET)
    assert (made.act, made.saves) == (PARK, True)
    every = Rules(idle_seconds=60, warn_seconds=0, park_at=22 * 60)
    assert decide(look(now=at(23), idle=used(9e9), task=TRAINING, warned=9e9), every).act == STAY


def test_a_warning_says_how_long_it_stands() -> None:
    assert decide(look(idle=used(1900), warned=240.0), IDLE).seconds == 360.0
    assert decide(look(now=at(21, 55)), EVENING).seconds == 300.0


def test_the_decision_does_not_hang_on_the_zone_of_the_clock() -> None:
    utc = at(22).astimezone(datetime.timezone.utc)
    assert told(decide(look(now=utc, warned=600.0), EVENING)) == (PARK, "park-at")


@pytest.mark.parametrize("row", ROWS)
def test_every_decision_is_said_in_both_languages(row: str) -> None:
    seen, rules, _ = ROWS[row]
    made = decide(seen, rules)
    english, chinese = say_decision(made)
    assert made.reason.id not in (say(made.reason))
    assert english.isascii()
    assert re.search("[一-鿿]", chinese)
    # Names of settings and of runs stay; ids of acts and tasks are words.
    assert not set(re.findall("[A-Za-z:]+", chinese)) & {*ACTS, module.TRAINING, module.EVALUATION}


def test_every_reason_of_the_code_has_words_and_every_word_a_row() -> None:
    reached = {decide(seen, rules).reason.id for seen, rules, _ in ROWS.values()}
    budgets = {f"budget-{span}{end}" for span in ("day", "month") for end in ("", "-soon", "-unseen", "-keeps-parked")}
    assert set(WORDS) == reached | budgets | {"gone"}  # the guard outside says that one itself
    source = inspect.getsource(module)
    assert set(re.findall(r'(?:Reason|_stay)\("([a-z-]+)"', source)) <= set(WORDS)


@pytest.mark.parametrize("reason", sorted(OPEN))
def test_what_everybody_may_read_names_no_amount(reason: str) -> None:
    made = Decision(WARN, Reason(reason, {"spent": "47.11", "budget": "60.00"}), seconds=300)
    assert "47.11" in say_decision(made)[0]
    english, chinese = say_decision(made, openly=True)
    assert (english.startswith("parks in 5 min: "), chinese.startswith("5 分钟后停放：")) == (True, True)
    assert "47" not in english + chinese
    assert "60" not in english + chinese
