"""What the machine was told of its own guard, by the manifest."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.files import read_json
from guest.unattended.decision import USES, Rules

#: The key of the manifest's settings; absent where the stack says nothing of a guard.
KEY = "guard"


@dataclass(frozen=True)
class GuardSettings:
    """`role` is the CAM role that the machine carries; without one it only measures."""

    role: str = ""
    rules: Rules = field(default_factory=Rules)


def manifest_row(role: str, rules: Rules) -> dict[str, Any]:
    """What the manifest says; empty, which costs no room in it, where there is nothing that this machine may do."""
    if not role or not (rules.idle_seconds > 0 or rules.park_at is not None):
        return {}
    row: dict[str, Any] = {"role": role, "idleSeconds": rules.idle_seconds, "warnSeconds": rules.warn_seconds}
    if rules.uses != USES:
        row["uses"] = list(rules.uses)
    if rules.park_at is not None:
        row["parkAt"] = rules.park_at
    return {KEY: row}


def read_settings(root: Path) -> GuardSettings:
    """Nothing is guarded where the manifest says nothing, or is damaged."""
    told = (read_json(root / "manifest.json") or {}).get("settings") or {}
    try:
        row = told[KEY]
        at = row.get("parkAt")
        rules = Rules(
            idle_seconds=float(row["idleSeconds"]),
            warn_seconds=float(row["warnSeconds"]),
            uses=tuple(str(use) for use in row.get("uses", USES)),
            park_at=None if at is None else int(at),
            own_guard=True,
        )
        return GuardSettings(str(row["role"]), rules)
    except (KeyError, TypeError, ValueError, AttributeError):
        return GuardSettings()
