"""What `status` says of the machine's own guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import read_json
from guest.unattended import outer, receivers, record, use
from guest.unattended.settings import read_settings


def guard_file(root: Path) -> Path:
    """The guard's last decision and its trouble; written by the guard alone."""
    return root / "state" / "guard.json"


def told(root: Path) -> dict[str, Any]:
    """`use`: idle seconds by kind; `guards`: whether it may park; `guard`: its last decision; `park`: the last park.

    `receivers` tells by a digest who is told besides. `outside` is the warning of the guard outside, while it stands.
    """
    try:
        used = use.told(root)
    except GuestError as error:
        used = {"error": error.as_dict()}
    return {
        "use": used,
        "guards": bool(read_settings(root).role),
        "guard": read_json(guard_file(root)),
        "park": record.told(root),
        "receivers": receivers.digest(root),
        "outside": outer.outer_warning(root) or None,
    }
