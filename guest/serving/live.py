"""Which model the running engine serves, and the switch of its prefix while it runs.

`state/engine.json` is written by the demo's process alone; `state/serving.json` is what it is asked to serve.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from guest.files import read_json, replace_file, write_json
from guest.machine import Machine
from guest.phrases import phrase
from guest.process import Identity
from guest.serving.choice import serving_file

_POLL_SECONDS = 0.05


def told_file(root: Path) -> Path:
    return root / "state" / "engine.json"


def tell(root: Path, **told: Any) -> None:
    """Say what this process serves, and how the last switch went."""
    write_json(told_file(root), {**told, "process": Identity.of(os.getpid()).as_dict()})


def running(root: Path) -> dict[str, Any] | None:
    """What the engine said last, or None where none runs."""
    told = read_json(told_file(root))
    try:
        alive = told is not None and Identity.from_dict(told["process"]).is_alive()
    except (KeyError, TypeError, ValueError):
        return None
    return told if alive else None


def served(machine: Machine) -> str | None:
    """The choice that the engine serves now; None where no engine runs."""
    told = running(machine.root)
    return None if told is None else str(told.get("choice"))


def can_switch(machine: Machine, bits: int | None) -> bool:
    """Whether the running engine can serve other prefixes on weights of these bits (None: fp16)."""
    told = running(machine.root)
    return told is not None and told.get("bits") == bits


def switch(machine: Machine, settings: dict[str, Any], seconds: float) -> str | None:
    """Let the running engine serve `settings`; None when it does, else why it does not, and it serves what it did."""
    path = serving_file(machine)
    before = path.read_bytes() if path.is_file() else None
    write_json(path, settings)
    ends = time.monotonic() + seconds
    reason: str = phrase("It did not switch within {seconds:.0f} s.", seconds=seconds)
    while time.monotonic() < ends:
        told = running(machine.root)
        if told is None:
            reason = phrase("It ended meanwhile.")
            break
        if told.get("choice") == settings["choice"]:
            return None
        if told.get("refused") == settings["choice"]:
            reason = told.get("error") or ""
            break
        time.sleep(_POLL_SECONDS)
    if before is None:
        path.unlink()
    else:
        replace_file(path, before)
    return reason
