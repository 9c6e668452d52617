"""The cloud's clock: it can run faster than real time, be moved forward, and survives a restart."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

MAX_SPEED = math.inf
CHINA_TIME = timezone(timedelta(hours=8))


@dataclass(frozen=True)
class ClockPosition:
    """What is stored of a clock: at the real time `real` it showed `cloud` (both in seconds since 1970).

    `speed` is a text, as `speed_text` writes it: JSON has no infinite number.
    """

    clock_id: str
    cloud: float
    real: float
    speed: str


class Clock:
    """Cloud time in seconds since 1970. Any thread may read it; only the cloud's worker thread moves it.

    At speed N one real second is N cloud seconds. At `MAX_SPEED` time itself runs as in reality, but whatever
    the cloud waits for is due at once.
    """

    def __init__(self, position: ClockPosition | None = None, speed: float = 1.0) -> None:
        real = time.time()
        if position is None:
            position = ClockPosition("clock", real, real, speed_text(speed))
        self._position = position
        self._speed = parse_speed(position.speed)
        self._latest = position.cloud

    @property
    def speed(self) -> float:
        return self._speed

    @property
    def position(self) -> ClockPosition:
        return self._position

    def now(self) -> float:
        """Cloud time; it never goes back, even when the computer's own clock is set back."""
        rate = 1.0 if self.speed == MAX_SPEED else self.speed
        elapsed = max(0.0, time.time() - self._position.real)
        self._latest = max(self._latest, self._position.cloud + elapsed * rate)
        return self._latest

    def real_seconds(self, cloud_seconds: float) -> float:
        """How long a wait of `cloud_seconds` lasts in reality: 0 at the highest speed."""
        return 0.0 if self.speed == MAX_SPEED else max(0.0, cloud_seconds) / self.speed

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Raises ValueError for a negative number."""
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"seconds must be a number from 0 up, not {seconds}")
        self._position = ClockPosition("clock", self.now() + seconds, time.time(), speed_text(self._speed))

    def set_speed(self, speed: float) -> None:
        """Change the speed from now on. Raises ValueError unless it is above 0."""
        if not speed > 0:
            raise ValueError(f"the speed must be above 0, not {speed}")
        self._position = ClockPosition("clock", self.now(), time.time(), speed_text(speed))
        self._speed = speed


def parse_speed(text: str) -> float:
    """Read `--speed`: a number above 0, or `max`. Raises ValueError."""
    if text.strip().lower() == "max":
        return MAX_SPEED
    speed = float(text)
    if not (math.isfinite(speed) and speed > 0):
        raise ValueError(f"the speed must be a number above 0 or max, not {text}")
    return speed


def speed_text(speed: float) -> str:
    """The speed as a person writes it: `max` or the shortest number."""
    return "max" if speed == MAX_SPEED else repr(speed).removesuffix(".0")


def iso_time(seconds: float) -> str:
    """UTC as cvm writes it: 2026-01-01T00:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def china_time(seconds: float) -> str:
    """UTC+8 as cbs, vpc and the meta-data service write it: 2026-01-01 08:00:00."""
    return datetime.fromtimestamp(seconds, CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")
