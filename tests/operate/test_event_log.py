"""The stack's log: one order out of the guard's tag, the update history and the machine's own lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guest.unattended.decision import Reason
from guest.unattended.events import CHANGE, DONE, FAILED, GUARD, MACHINE, PERSON, Event, parse_events, stamp
from operate import event_log
from operate.event_log import MESSAGE, merge, of_update, trimmed


def event(at: float, by: str = GUARD, outcome: str = DONE, detail: str = "") -> Event:
    return Event(stamp(at), by, CHANGE, "park", Reason("idle", {"minutes": 40}), outcome, detail)


def update(**changes: Any) -> dict[str, Any]:
    row = {
        "kind": "update",
        "result": "succeeded",
        "endTime": "2026-03-04T05:06:07.000Z",
        "message": "",
        "config": {"chatglm:state": {"value": "parked"}},
    }
    return {**row, **changes}


def told(row: dict[str, Any]) -> tuple[str, str, str] | None:
    found = of_update(row)
    return None if found is None else (found.by, found.act, found.outcome)


def test_an_update_of_the_history_tells_who_did_what() -> None:
    assert told(update()) == (PERSON, "park", DONE)
    assert told(update(config={}, result="failed")) == (PERSON, "up", FAILED)
    assert told(update(kind="destroy")) == (PERSON, "destroy", DONE)
    assert told(update(message=f"{MESSAGE}park: idle")) == (GUARD, "park", DONE)
    assert told(update(result="in-progress")) is None
    assert told(update(endTime="yesterday")) is None


def test_logs_come_in_the_order_of_time_and_each_line_once() -> None:
    mine, theirs = [event(0), event(120)], [event(60, MACHINE), event(120)]
    assert [one.time for one in merge(mine, theirs)] == [stamp(0), stamp(60), stamp(120)]


def test_a_guards_update_is_told_once_and_only_by_the_history_where_the_guard_died() -> None:
    written, of_history = event(100), event(95, detail=f"{MESSAGE}park")
    assert merge([written], [of_history]) == [written]
    assert merge([event(9000)], [of_history]) == [of_history, event(9000)]


def test_the_tag_keeps_the_newest_lines_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    events = [event(number * 60) for number in range(400)]
    kept = parse_events(trimmed(events).splitlines())
    assert kept == events[-len(kept) :]
    assert len(kept) > 50
    monkeypatch.setattr(event_log, "_CHARACTERS", 256)
    assert len(trimmed(events)) <= 256
    assert json.loads(trimmed(events).splitlines()[-1])["time"] == stamp(399 * 60)
