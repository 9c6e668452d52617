"""The ledger of what a stack has cost: what stands and what has ended, by China's days and months."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest

from guest.unattended.decision import CHINA
from operate.cost import Item
from operate.spending import NEAR_SECONDS, WRITE_SECONDS, Ledger

NOON = datetime(2026, 3, 31, 12, tzinfo=CHINA).timestamp()
HOUR = 3600.0


def item(name: str, hourly: str | None = "2", since: float | None = NOON) -> Item:
    made = None if since is None else datetime.fromtimestamp(since, CHINA)
    return Item("machine", name, "", None if hourly is None else Decimal(hourly), since=made)


def test_what_stands_is_counted_from_its_making_on() -> None:
    ledger = Ledger().look([item("ins-1", since=NOON - HOUR)], NOON)
    assert ledger.today(NOON + HOUR) == pytest.approx(4)
    assert ledger.this_month(NOON + HOUR) == pytest.approx(4)


def test_what_has_ended_stays_on_the_bill() -> None:
    ledger = Ledger().look([item("ins-1")], NOON)
    ledger = ledger.look([item("ins-1")], NOON + HOUR)
    ledger = ledger.look([item("ins-2", since=NOON + HOUR)], NOON + HOUR + 60)
    assert ledger.today(NOON + 2 * HOUR) == pytest.approx(2 + 2 / 60 + 2)


def test_what_vanished_while_nobody_looked_is_counted_as_far_as_it_was_seen() -> None:
    ledger = Ledger().look([item("ins-1")], NOON).look([item("ins-1")], NOON + HOUR)
    assert ledger.look([], NOON + HOUR + NEAR_SECONDS + 1).today(NOON + 9 * HOUR) == pytest.approx(2)


def test_a_new_day_and_a_new_month_begin_at_nothing() -> None:
    ledger = Ledger().look([item("ins-1"), item("ins-2")], NOON).look([item("ins-1")], NOON + 60)
    midnight = NOON + 12 * HOUR
    assert ledger.today(midnight + HOUR) == pytest.approx(2)
    assert ledger.this_month(midnight + HOUR) == pytest.approx(2)
    after = ledger.look([item("ins-1")], midnight + HOUR)
    assert after.today(midnight + HOUR) == after.this_month(midnight + HOUR) == pytest.approx(2)


def test_yesterday_counts_for_the_month_alone() -> None:
    yesterday = NOON - 24 * HOUR
    ledger = Ledger().look([item("ins-1", since=yesterday)], yesterday).look([], yesterday + 60)
    ledger = ledger.look([], NOON)
    assert ledger.today(NOON) == 0
    assert ledger.this_month(NOON) == pytest.approx(2 / 60)


def test_a_price_that_changes_is_counted_from_that_look_on() -> None:
    ledger = Ledger().look([item("ins-1")], NOON).look([item("ins-1", "4")], NOON + HOUR)
    assert ledger.today(NOON + 2 * HOUR) == pytest.approx(2 + 4)


def test_what_has_no_price_and_what_nobody_owns_is_not_counted() -> None:
    lost = Item("disk", "disk-1", "", Decimal(9), leftover=True)
    assert Ledger().look([item("ins-1", None), lost], NOON).today(NOON + HOUR) == 0


def test_the_ledger_is_the_same_after_it_was_kept() -> None:
    ledger = Ledger().look([item("ins-1"), item("ins-2")], NOON).look([item("ins-1")], NOON + HOUR)
    assert Ledger.read(ledger.as_dict()).as_dict() == ledger.as_dict()


@pytest.mark.parametrize(
    "told", [{}, {"day": 3}, {"standing": []}, {"standing": {"a": ["x", 1, 2]}, "day": "", "month": ""}]
)
def test_a_damaged_ledger_begins_anew(told: dict[str, object]) -> None:
    assert Ledger.read(told) == Ledger()


def test_it_is_written_where_something_changed_and_now_and_then() -> None:
    kept = Ledger().look([item("ins-1")], NOON)
    assert kept.is_due(Ledger(), NOON)
    assert not kept.look([item("ins-1")], NOON + 60).is_due(kept, NOON + 60)
    assert kept.look([], NOON + 60).is_due(kept, NOON + 60)
    assert kept.look([item("ins-1")], NOON + WRITE_SECONDS).is_due(kept, NOON + WRITE_SECONDS)
