"""How often the cloud is asked for what takes its time; a local cloud, whose time runs faster, is asked more often."""

from __future__ import annotations

import os

VARIABLE = "CHATGLM_POLL_SECONDS"


def poll_seconds(usual: float) -> float:
    """Seconds between two questions: those that the environment names, else the usual ones."""
    return float(os.environ.get(VARIABLE, usual))
