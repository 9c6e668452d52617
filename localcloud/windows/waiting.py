"""Waiting on the cloud's clock, which may run at any speed and be moved at any time."""

from __future__ import annotations

import asyncio
import math

from localcloud.clock import Clock

LONGEST_WAIT = 0.5
"""Nobody tells the guests when the clock is moved; so no wait is longer than this, in real seconds."""


async def wait_on(clock: Clock, seconds: float) -> None:
    """Wait until so many cloud seconds have passed; at the highest speed not at all."""
    ends = clock.now() + seconds
    while clock.speed != math.inf and (left := ends - clock.now()) > 0:
        await asyncio.sleep(min(clock.real_seconds(left), LONGEST_WAIT))
