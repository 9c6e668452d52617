"""Waiting for what happens elsewhere: as long as it takes, within a limit that nothing but a hang meets."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

#: Far beyond what anything here takes on a computer that is busy with ten other things.
HANG_SECONDS = 600.0


def wait_until(holds: Callable[[], Any]) -> Any:
    """What it answered when it held. Fails the test when it never does."""
    deadline = time.monotonic() + HANG_SECONDS
    while not (found := holds()):
        assert time.monotonic() < deadline, "this did not happen"
        time.sleep(0.005)
    return found
