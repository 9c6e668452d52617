"""What the tests of the plan look at: one stack's machine and images, and what is known of its cloud."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from components.prior import Taken
from components.settings import Settings
from tencent.facts import DiskOffer, Facts, Image, Instance, Offer

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
REGION = "ap-guangzhou"
ZONE, OTHER_ZONE = "ap-guangzhou-3", "ap-guangzhou-4"
MACHINE = Instance("ins-1", "RUNNING", ZONE, "img-public", "20260102-110000", NOW - timedelta(hours=1))
OLD = Image("img-old", "chatglm-dev-1-ins-0", "NORMAL", NOW - timedelta(days=3), 75, "ins-0", 1)
OLDER = Image("img-older", "chatglm-dev-0-ins-9", "NORMAL", NOW - timedelta(days=9), 75, "ins-9", 0)
FRESH = Image("img-fresh", "chatglm-dev-2-ins-1", "NORMAL", NOW - timedelta(minutes=9), 75, "ins-1", 2)
OWN = replace(FRESH, parked="0123456789ab 2026-01-02T11:51:00Z idle minutes=41")
SAID = "The machine ins-1 parked itself at 2026-01-02T11:51:00Z: nobody has used it for 41 min (chatglm:idleMinutes)"
HELD = Taken(1, "img-old", "ins-0")


def settings(**changes: Any) -> Settings:
    return Settings(**{"adminPassword": "Correct-Horse-7", "zones": (ZONE, OTHER_ZONE), **changes})


def facts(**changes: Any) -> Facts:
    offers = tuple(Offer(zone, "GN7.2XLARGE32", True, Decimal("1.65")) for zone in (ZONE, OTHER_ZONE))
    known = Facts(NOW, (), (), offers, DiskOffer(ZONE, 50, 2048, 1), Decimal("0.19"), "img-public")
    return replace(known, **changes)


PARKED, RUNNING = settings(state="parked"), settings()
