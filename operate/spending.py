"""What a stack has cost today and this month: what the cloud bills at each look, added up. Days are China's.

Tencent's own bill comes hours later. So a ledger is kept with the stack: what stands, since when and at which price,
as `chatglm cost` looks it up, and the sum of what has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from guest.unattended.decision import CHINA
from operate.cost import Item

#: What vanished between two looks that are no further apart (seconds) is counted up to the second one.
NEAR_SECONDS = 1800.0
#: A ledger in which nothing changed is written again after so many seconds, so that what vanishes is counted in full.
WRITE_SECONDS = 600.0


@dataclass(frozen=True)
class Standing:
    """One thing that is billed: CNY an hour, since when at that price, and when it was last seen (seconds of 1970)."""

    hourly: float
    since: float
    seen: float

    def cost(self, begin: float, end: float) -> float:
        """CNY between two moments."""
        return self.hourly * max(end - max(self.since, begin), 0.0) / 3600


@dataclass(frozen=True)
class Ledger:
    """`day` and `month` are those of China at the last look, as 2026-11-27 and 2026-11; `ended_*` is CNY."""

    day: str = ""
    month: str = ""
    ended_day: float = 0.0
    ended_month: float = 0.0
    standing: Mapping[str, Standing] | None = None

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Ledger:
        """From what was kept; what is damaged begins anew."""
        try:
            standing = {str(key): Standing(*map(float, row)) for key, row in told["standing"].items()}
            ended = float(told["endedDay"]), float(told["endedMonth"])
            return cls(str(told["day"]), str(told["month"]), *ended, standing)
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls()

    def as_dict(self) -> dict[str, Any]:
        return {
            "day": self.day,
            "month": self.month,
            "endedDay": round(self.ended_day, 4),
            "endedMonth": round(self.ended_month, 4),
            "standing": {
                key: [round(one.hourly, 6), round(one.since), round(one.seen)]
                for key, one in (self.standing or {}).items()
            },
        }

    def look(self, items: Iterable[Item], now: float) -> Ledger:
        """The ledger after a look at what is billed now. What has no known price cannot be counted."""
        day, month = _names(now)
        ended_day = self.ended_day if day == self.day else 0.0
        ended_month = self.ended_month if month == self.month else 0.0
        midnight, first = _begins(now)
        before = dict(self.standing or {})
        after: dict[str, Standing] = {}
        for item in items:
            if item.hourly is None or item.leftover:
                continue
            hourly, known = float(item.hourly), before.pop(item.id, None)
            made = item.since.timestamp() if item.since else now
            since = known.since if known else min(made, now)
            if known is not None and abs(known.hourly - hourly) > 1e-9:
                ended_day += known.cost(midnight, now)
                ended_month += known.cost(first, now)
                since = now
            after[item.id] = Standing(hourly, since, now)
        for gone in before.values():
            end = now if now - gone.seen <= NEAR_SECONDS else gone.seen
            ended_day += gone.cost(midnight, end)
            ended_month += gone.cost(first, end)
        return Ledger(day, month, ended_day, ended_month, after)

    def today(self, now: float) -> float:
        """CNY since China's midnight."""
        day, _ = _names(now)
        ended = self.ended_day if day == self.day else 0.0
        return ended + sum(one.cost(_begins(now)[0], now) for one in (self.standing or {}).values())

    def this_month(self, now: float) -> float:
        """CNY since the first of China's month."""
        _, month = _names(now)
        ended = self.ended_month if month == self.month else 0.0
        return ended + sum(one.cost(_begins(now)[1], now) for one in (self.standing or {}).values())

    def is_due(self, kept: Ledger, now: float) -> bool:
        """Whether it is to be written: something began, ended or changed its price, or the kept one is old."""
        ours, theirs = self.standing or {}, kept.standing or {}
        same = {key: (one.hourly, one.since) for key, one in ours.items()} == {
            key: (one.hourly, one.since) for key, one in theirs.items()
        }
        oldest = min((one.seen for one in theirs.values()), default=now)
        return not same or (self.day, self.month) != (kept.day, kept.month) or now - oldest >= WRITE_SECONDS


def _names(now: float) -> tuple[str, str]:
    here = datetime.fromtimestamp(now, UTC).astimezone(CHINA)
    return f"{here:%Y-%m-%d}", f"{here:%Y-%m}"


def _begins(now: float) -> tuple[float, float]:
    """China's last midnight, and the first moment of China's month."""
    here = datetime.fromtimestamp(now, UTC).astimezone(CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    return here.timestamp(), here.replace(day=1).timestamp()
