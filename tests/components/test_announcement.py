"""The plan in words: what will happen and what it costs; "unknown" where it cannot be known."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from components.announcement import announce, cost
from components.lifecycle import plan
from components.prior import Prior
from components.settings import Settings
from tencent.facts import Facts, Image, Instance, Offer
from words import speaking

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
ZONE, REGION = "ap-guangzhou-3", "ap-guangzhou"
MACHINE = Instance("ins-1", "RUNNING", ZONE, "img-public", "20260102-110000", NOW)
OLD = Image("img-old", "chatglm-dev-1-ins-0", "NORMAL", NOW - timedelta(days=3), 75, "ins-0", 1)
FACTS = Facts(
    NOW,
    (),
    (),
    (Offer(ZONE, "GN7.2XLARGE32", True, Decimal("1.65")),),
    disk_price=Decimal("0.1875"),
    public_image_id="img-public",
)
RUNNING = Settings(adminPassword="Correct-Horse-7", zones=(ZONE,))
PARKED = RUNNING.model_copy(update={"state": "parked"})


def said(settings: Settings, prior: Prior, facts: Facts) -> str:
    return "\n".join(announce(plan(settings, prior, facts, REGION), settings, facts, REGION, "dev"))


def test_a_launch_names_image_zone_and_price() -> None:
    text = said(RUNNING, Prior(), FACTS)
    assert "Launch: a new GN7.2XLARGE32 (spot) in ap-guangzhou-3 from the Windows image img-public" in text
    assert "now 0.00 CNY/h, after 1.84 CNY/h" in text


def test_a_park_says_what_is_captured_terminated_and_deleted_and_what_is_left_to_pay() -> None:
    text = said(PARKED, Prior("ins-1", ZONE), replace(FACTS, instances=(MACHINE,), images=(OLD,)))
    lines = text.splitlines()
    assert lines[0] == "Park: ins-1 is switched off and captured as the image chatglm-dev-2-ins-1."
    assert lines[1] == "Only when its image is NORMAL, ins-1 is terminated, with its disk."
    assert lines[2] == "Then the image chatglm-dev-1-ins-0 (img-old), 3 days old, is deleted with its snapshots."
    assert "now 1.84 CNY/h, after 0.00 CNY/h" in lines[3]
    assert "at most 9.75 CNY a month" in lines[3]


def test_a_restore_says_from_which_image_and_how_old_it_is() -> None:
    assert "from the image chatglm-dev-1-ins-0 (img-old), 3 days old" in said(
        RUNNING, Prior(), replace(FACTS, images=(OLD,))
    )


def test_what_is_not_known_is_called_unknown_with_one_reason_for_all() -> None:
    blind = Facts(NOW, unknown={"machines": "No keys.", "images": "No keys.", "stock": "Busy."})
    text = said(RUNNING, Prior(), blind)
    assert "after unknown" in text
    assert "Could not look up machines, images. No keys." in text
    assert "Could not look up stock. Busy." in text


def test_a_price_is_never_put_together_from_a_part() -> None:
    known = replace(FACTS, disk_price=None)
    assert cost(plan(RUNNING, Prior(), known, REGION), RUNNING, known, REGION).hourly is None


def test_a_region_without_a_known_snapshot_price_says_so() -> None:
    settings = RUNNING.model_copy(update={"zones": ("ap-tokyo-1",)})
    facts = replace(FACTS, offers=(Offer("ap-tokyo-1", "GN7.2XLARGE32", True),))
    assert cost(plan(settings, Prior(), facts, "ap-tokyo"), settings, facts, "ap-tokyo").parked_monthly is None


def test_discard_is_pointed_out_on_every_update() -> None:
    settings = RUNNING.model_copy(update={"discard": True})
    assert "may be terminated without an image" in said(settings, Prior(), FACTS)


@pytest.mark.parametrize("state", ["running", "parked"])
def test_a_plan_is_told_in_chinese_to_who_reads_chinese(state: str) -> None:
    settings = RUNNING.model_copy(update={"state": state})
    facts = replace(FACTS, instances=(MACHINE,), images=(OLD,), unknown={"network": "忙。"})
    with speaking("zh"):
        text = said(settings, Prior("ins-1", ZONE), facts)
    assert "元/小时" in text
    assert not re.search(r"[a-z]{2,} [a-z]{2,}", text)
