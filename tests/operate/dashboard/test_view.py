"""What the page is told: names of words, amounts, and nothing that could become a script."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from guest.unattended.decision import Reason
from guest.unattended.events import CHANGE, GUARD, Event, stamp
from operate.cost import Bill, Item, Sum
from operate.dashboard.view import EVENTS, today, view
from operate.status import Status
from tencent.facts import Instance

NOW = datetime(2026, 3, 4, 2, 0, tzinfo=UTC)  # ten in the morning in China
MACHINE = Instance("ins-1", "RUNNING", "ap-guangzhou-3", "img-1", "l", NOW - timedelta(hours=2), "203.0.113.9")


def status(**changes: Any) -> Status:
    values: dict[str, Any] = {
        "stack": "dev", "wanted": "running", "region": "ap-guangzhou", "now": NOW, "machine": MACHINE, "image": None,
        "guest": {"phase": "ready", "machine": "ins-1", "steps": [], "demo": {"state": "answering", "url": "http://x:7860"}},
        "outputs": {}, "unknown": {}, "exists": True, **changes,
    }  # fmt: skip
    return Status(**values)


def bill(*items: Item) -> Bill:
    return Bill("ap-guangzhou", items, Sum(Decimal("1.9")), Sum(Decimal("0.01")))


@pytest.mark.parametrize(
    ("guest", "machine", "stage"),
    [
        ({"phase": "ready"}, MACHINE, "ready"),
        ({"phase": "bootstrapping"}, MACHINE, "installing"),
        ({"phase": "waiting"}, MACHINE, "installing"),
        ({"phase": "failed"}, MACHINE, "failed"),
        (None, None, "parked"),
    ],
)
def test_the_stage_is_one_that_the_page_has_words_for(guest: Any, machine: Any, stage: str) -> None:
    assert view(status(guest=guest, machine=machine), None, None)["stage"] == stage


def test_a_machine_that_was_recorded_and_is_gone_was_reclaimed() -> None:
    assert view(status(guest=None, machine=None, outputs={"machineId": "ins-1"}), None, None)["stage"] == "reclaimed"


def test_steps_losses_and_memory_arrive_as_numbers() -> None:
    guest = {
        "phase": "bootstrapping",
        "steps": [
            {
                "name": "model",
                "title": "NVIDIA driver",
                "state": "running",
                "percent": 40,
                "error": {"message": "pip ended with 1", "parts": [1]},
            }
        ],
        "training": {
            "run": "a",
            "progress": {"step": 3, "total": 9, "losses": [[1, 2.5], [2, None]], "holdOutLosses": [[2, 2.0]]},
        },
    }
    seen = view(status(guest=guest), None, {"usedBytes": 3 * 2**30, "totalBytes": 15 * 2**30, "percent": 80})
    assert seen["steps"][0] == {
        "name": "model", "title": {"en": "NVIDIA driver", "zh": "NVIDIA 驱动"}, "state": "running", "percent": 40,
        "secondsLeft": None, "error": {"en": "pip ended with 1", "zh": "pip 以 1 结束"},
    }  # fmt: skip
    assert (seen["training"]["losses"], seen["training"]["heldOut"]) == ([[1, 2.5]], [[2, 2.0]])
    assert seen["gpu"] == {"usedMib": 3072, "totalMib": 15360, "percent": 80}


def test_the_link_leads_where_the_last_update_said_and_not_to_the_machines_own_loopback() -> None:
    guest = {"phase": "ready", "demo": {"state": "answering", "url": "https://127.0.0.1:7860"}}
    shown = view(status(guest=guest, outputs={"demoUrl": "https://203.0.113.9:7860"}), None, None)
    assert shown["demo"]["url"] == "https://203.0.113.9:7860"


def test_the_fingerprint_to_compare_is_shown_where_the_demo_has_a_certificate() -> None:
    assert view(status(outputs={"demoFingerprint": "AB:CD"}), None, None)["demo"]["fingerprint"] == "AB:CD"
    assert view(status(outputs={"demoFingerprint": ""}), None, None)["demo"]["fingerprint"] is None


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", 5, None])
def test_a_link_leads_to_a_page_or_nowhere(url: Any) -> None:
    assert (
        view(status(guest={"phase": "ready", "demo": {"state": "answering", "url": url}}), None, None)["demo"]["url"]
        is None
    )


def test_today_counts_from_the_launch_or_from_chinas_midnight() -> None:
    machine, stored = Item("machine", "ins-1", "", Decimal(2)), Item("snapshot", "snap-1", "", Decimal("0.1"))
    assert today(status(), bill(machine, stored)) == Decimal(4) + Decimal(1)
    older = Instance("ins-1", "RUNNING", "z", "img-1", "l", NOW - timedelta(days=3))
    assert today(status(machine=older), bill(machine)) == Decimal(20), "ten hours of this day"
    assert today(status(machine=None), bill(stored, Item("disk", "d", "", None, "unknown"))) == Decimal(1)


def test_what_is_not_known_is_null_and_not_zero() -> None:
    unknown = Bill("ap-guangzhou", (), Sum(unknown=("x",)), Sum(unknown=("y",)))
    cost = view(status(), unknown, None)["cost"]
    assert (cost["runningMonthly"], cost["parkedMonthly"]) == (None, None)
    assert view(status(), None, None)["cost"] is None


def test_the_last_events_are_told_in_both_languages_the_newest_first() -> None:
    log = [
        Event(stamp(minute * 60), GUARD, CHANGE, "park", Reason("idle", {"minutes": minute}), "done")
        for minute in range(20)
    ]
    told = view(status(), None, None, log)["events"]
    assert [one["time"] for one in told] == [stamp(minute * 60) for minute in range(19, 19 - EVENTS, -1)]
    assert "nobody has used it for 19 min" in told[0]["en"]
    assert "无人使用" in told[0]["zh"]
    assert view(status(), None, None)["events"] == []
