"""What others may do on the machine while it parks itself, in one text: where that changes, it goes back to work."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import read_json
from guest.machine import Machine
from guest.serving import state
from guest.serving.choice import serving_file
from guest.training import gpu_task


def others_work(machine: Machine) -> str:
    """Wishes for the demo, what is deployed, uploads, the manifest, runs, and who has the GPU."""
    try:
        task = gpu_task.current(machine)
    except GuestError:
        task = None
    seen: list[Any] = [
        state.wanted(machine.root),
        read_json(serving_file(machine)),
        None if task is None else task.as_dict(),
        [_entry(path) for path in sorted(machine.root.glob("inbox/*"))],
        [_entry(path) for path in sorted(machine.runs.glob("*"))],
        _entry(machine.root / "manifest.json"),
    ]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def boot_mark(root: Path) -> str:
    """Tells this start of the machine from every other, as far as anything of ours has lived since; else empty.

    The demo's supervisor starts with the machine and outlives what it supervises.
    """
    supervisor = state.named_process(read_json(root / "state" / "demo.json"), "supervisor")
    alive = supervisor.mark if supervisor is not None and supervisor.is_alive() else ""
    # A rehearsal's machines share the computer's own start, and their supervisor may outlive them.
    return f"{os.environ.get('CHATGLM_REHEARSAL_BOOT', '')}{alive}"


def _entry(path: Path) -> Any:
    try:
        stat = path.stat()
    except OSError:
        return [path.name]
    return [path.name, stat.st_size, stat.st_mtime_ns]
