"""Which zone a machine is launched in."""

from __future__ import annotations

from decimal import Decimal

import pytest

from components.lifecycle import plan
from components.prior import Prior
from components.zones import GN7_ZONES, candidate_zones
from localcloud.catalogue import FAMILY_ZONES
from tencent.facts import Facts, Offer
from tests.components.situations import (
    HELD,
    NOW,
    OTHER_ZONE,
    REGION,
    RUNNING,
    ZONE,
    facts,
    settings,
)


def test_the_next_zone_with_stock_is_used_and_the_one_passed_over_is_named() -> None:
    offers = (
        Offer(ZONE, "GN7.2XLARGE32", False, Decimal("1.65"), "no stock"),
        Offer(OTHER_ZONE, "GN7.2XLARGE32", True, Decimal("1.65")),
    )
    made = plan(RUNNING, Prior(), facts(offers=offers), REGION)
    assert made.zone == OTHER_ZONE
    assert "ap-guangzhou-3: no stock" in " ".join(made.notes)


def test_all_sold_out_is_refused_and_names_what_is_in_stock() -> None:
    offers = (
        Offer(ZONE, "GN7.2XLARGE32", False),
        Offer(OTHER_ZONE, "GN7.2XLARGE32", False),
        Offer(OTHER_ZONE, "GN7.5XLARGE80", True, Decimal("2.60")),
    )
    made = plan(RUNNING, Prior(), facts(offers=offers), REGION)
    assert "GN7.5XLARGE80 in ap-guangzhou-4 at 2.60 CNY/h" in made.refusal
    assert "Nothing was changed" in made.refusal


def test_stock_is_that_of_the_wanted_type() -> None:
    offers = (Offer(ZONE, "GN7.5XLARGE80", True), Offer(ZONE, "GN7.2XLARGE32", False))
    assert "No zone can launch" in plan(settings(zones=(ZONE,)), Prior(), facts(offers=offers), REGION).refusal


def test_the_zones_that_are_tried_without_a_setting_are_those_that_the_documents_name() -> None:
    tried = [zone for region in GN7_ZONES for zone in candidate_zones(settings(zones=()), region)]
    recent = {"ap-guangzhou-6"}  # seen by accounts of late, and named nowhere
    assert sorted(tried) == sorted(set(FAMILY_ZONES["GN7"]) - recent)
    assert candidate_zones(settings(zones=()), "ap-guangzhou") == (ZONE, OTHER_ZONE), "in the order of the list"
    assert candidate_zones(RUNNING, "ap-shanghai") == (ZONE, OTHER_ZONE), "what the settings name comes first"


def test_a_region_in_which_nobody_knows_a_zone_is_refused_with_the_setting_that_names_one() -> None:
    assert "No zone of ap-nowhere is known" in plan(settings(zones=()), Prior(), facts(), "ap-nowhere").refusal


@pytest.mark.parametrize(("looked", "zone"), [(False, OTHER_ZONE), (True, ZONE)])
def test_the_zone_of_before_comes_first_only_where_nobody_knows_what_is_sold(looked: bool, zone: str) -> None:
    seen = facts() if looked else Facts(NOW, unknown={"everything": "no keys"})
    assert plan(RUNNING, Prior("", OTHER_ZONE, (HELD,)), seen, REGION).zone == zone


def test_what_is_offered_instead_is_in_stock_and_was_not_refused_already() -> None:
    offers = (
        Offer(ZONE, "GN7.2XLARGE32", True),
        Offer(ZONE, "GN7.5XLARGE80", True),
        Offer(OTHER_ZONE, "GN7.2XLARGE32", False),
        Offer(OTHER_ZONE, "GN10X.2XLARGE40", False),
    )
    seen = facts(offers=offers, refused_zones={ZONE: "sold out a moment ago"})
    refusal = plan(RUNNING, Prior(), seen, REGION).refusal
    assert f"GN7.2XLARGE32 in {ZONE}: sold out a moment ago." in refusal
    assert f"In stock now: GN7.5XLARGE80 in {ZONE}. Nothing was changed." in refusal
