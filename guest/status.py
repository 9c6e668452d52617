"""The machine's state in one document: what the installation wrote, and how demo, training and reclaim stand now.

Every writer has a file of its own in `state/`, so nobody waits for a lock: `status.json` belongs to the installation
(PowerShell), `demo.json` to the demo's supervisor, `reclaim.json` to the watcher; the training keeps its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.serving.state import read_demo
from guest.training import verbs
from guest.training.files import read_json

STATUS = "status.json"
RECLAIM = "reclaim.json"


def read_status(root: Path) -> dict[str, Any]:
    """The status as one JSON object; parts that do not exist are null."""
    status = read_json(root / "state" / STATUS) or {"schema": 1, "phase": "bootstrapping", "steps": []}
    return {**status, "demo": read_demo(root), "training": _training(), "reclaim": read_json(root / "state" / RECLAIM)}


def _training() -> dict[str, Any] | None:
    try:
        told = verbs.progress({})
    except GuestError as error:
        return {"error": error.as_dict()}
    return told if told["running"] else None
