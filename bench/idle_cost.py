"""What a month of typical use costs with self-parking, over perfect knowledge and over never parking.

A simulation of one month in looks of a minute, decided by the very `decide()` that both guards use. The use: working
days with sessions of questions, a lunch break, an evening now and then, three trainings. Perfect knowledge
parks the moment a session ends and restores so that the machine is ready when the next one begins; both pay for the
restore and the image. Whoever comes to a parked machine brings it back, and waits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from bench.figure import Figure
from guest.unattended.decision import (
    CHINA,
    PARK,
    RUNNING,
    TRAINING,
    USES,
    WARN,
    Look,
    Rules,
    Task,
    decide,
)

#: CNY an hour of a GN7.2XLARGE32 as spot with its 75 GB SSD, and CNY an hour of its image (list prices of 2022-23, as
#: the local cloud and README have them).
MACHINE, IMAGE = 1.65 + 0.19, 75 * 0.13 / 720
#: Assumed, and billed to both: from the decision to the machine's end (an image of 60 GB takes ten minutes), and from
#: the order of a restore to the demo's answer.
PARK_MINUTES, RESTORE_MINUTES = 10, 5
DAYS = 30
#: What docs/unattended.md proposes to one person.
RULES = Rules(idle_seconds=20 * 60, warn_seconds=10 * 60, park_at=23 * 60)
_SEED = 16


@dataclass(frozen=True)
class Session:
    """Somebody's work on the machine, in minutes from the month's beginning; a training is a task in hand."""

    begin: int
    end: int
    training: bool = False


def typical_month(seed: int = _SEED) -> list[Session]:
    """Some 100 hours of use: what a person who works with the model does in a month."""
    chance = random.Random(seed)
    begin = datetime(2026, 3, 1, tzinfo=CHINA)
    sessions: list[Session] = []
    for day in range(DAYS):
        if (begin + timedelta(days=day)).weekday() >= 5:
            continue
        start = day * 1440
        morning = start + chance.randint(540, 600)
        sessions.append(Session(morning, morning + chance.randint(90, 150)))
        afternoon = start + chance.randint(810, 870)
        sessions.append(Session(afternoon, afternoon + chance.randint(90, 180)))
        if chance.random() < 0.2:
            evening = start + chance.randint(1200, 1230)
            sessions.append(Session(evening, evening + chance.randint(30, 90)))
    for day in (4, 12, 23):
        last = max(one.end for one in sessions if one.end <= day * 1440 + 1200)
        sessions.append(Session(last, last + chance.randint(180, 360), training=True))
    return sorted(sessions, key=lambda one: one.begin)


def measure() -> list[Figure]:
    month = typical_month()
    ours, waits = with_guard(month, RULES)
    perfect = with_foresight(month)
    never = DAYS * 24 * MACHINE
    return [
        Figure("idle_cost_ratio", ours / perfect, "ratio", 1.2),
        Figure("idle_cost_over_never", ours / never, "ratio"),
        Figure("idle_cost_cny", ours, "CNY"),
        Figure("idle_cost_perfect_cny", perfect, "CNY"),
        Figure("idle_cost_never_cny", never, "CNY"),
        Figure("idle_use_hours", sum(minutes_used(month)) / 60, "h"),
        Figure("idle_waits", waits, "restores"),
    ]


def minutes_used(month: list[Session]) -> Iterator[int]:
    """1 for each minute of the month in which the machine is used."""
    used = {minute for one in month for minute in range(one.begin, one.end)}
    return (int(minute in used) for minute in range(DAYS * 1440))


def with_guard(month: list[Session], rules: Rules) -> tuple[float, int]:
    """CNY of the month with a guard that looks every minute, and how often somebody had to wait for a restore."""
    first = datetime(2026, 3, 1, tzinfo=CHINA)
    used = {minute: one.training for one in month for minute in range(one.begin, one.end)}
    up, since, idle, ending, waits = False, 0, 0, 0, 0
    warned: int | None = None
    cost = 0.0
    for minute in range(DAYS * 1440):
        if not up:
            cost += IMAGE / 60
            if minute in used:
                # What the person waits for is billed as well; the work itself ends when it would have ended.
                up, since, idle, warned = True, minute, 0, None
                waits += 1
                cost += MACHINE * RESTORE_MINUTES / 60
            continue
        cost += MACHINE / 60
        if ending:
            ending -= 1
            up = ending > 0
            continue
        idle = 0 if minute in used else idle + 1
        look = Look(
            now=first + timedelta(minutes=minute),
            stands=RUNNING,
            since=first + timedelta(minutes=since),
            idle=dict.fromkeys(USES, idle * 60.0),
            task=Task(TRAINING) if used.get(minute) else None,
            warned=None if warned is None else (minute - warned) * 60.0,
        )
        decision = decide(look, rules)
        if decision.act == PARK:
            ending, warned = PARK_MINUTES, None
        elif decision.act == WARN:
            warned = minute if warned is None else warned
        else:
            warned = None
    return cost, waits


def with_foresight(month: list[Session]) -> float:
    """CNY of whoever knows the month beforehand: a gap is parked through where that is the cheaper way."""
    cost = 0.0
    end: int | None = None
    for one in sorted(month, key=lambda each: each.begin):
        if end is None:
            cost += IMAGE / 60 * one.begin + MACHINE / 60 * RESTORE_MINUTES
            cost += MACHINE / 60 * (one.end - one.begin)
            end = one.end
            continue
        gap = max(one.begin - end, 0)
        parked = (PARK_MINUTES + RESTORE_MINUTES) * MACHINE + max(gap - PARK_MINUTES - RESTORE_MINUTES, 0) * IMAGE
        cost += min(gap * MACHINE, parked) / 60
        cost += MACHINE / 60 * max(one.end - max(one.begin, end), 0)
        end = max(end, one.end)
    rest = DAYS * 1440 - (end or 0)
    return cost + (PARK_MINUTES * MACHINE + max(rest - PARK_MINUTES, 0) * IMAGE) / 60
