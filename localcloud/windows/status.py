"""The machine's status file, in the form in which the real bootstrap writes it, with the word that it is simulated."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from guest.files import replace_file

from .downloads import Download
from .installation import Installation, Step, StepState

STATUS = "status.json"


def status_document(
    installation: Installation, *, instance_id: str, now: float, second_stage_trouble: str = ""
) -> dict[str, Any]:
    """The status as JSON data; `now` is cloud time in seconds since 1970.

    `second_stage_trouble` says what was wrong with a second stage that came.
    """
    waits_for = None
    failed, current = installation.failed, installation.current
    if installation.finished:
        phase, message = "ready", "The demo answers."
    elif failed is not None:
        phase, message = "failed", failed.error.message if failed.error else failed.plan.title
    elif installation.waiting:
        trouble = second_stage_trouble or "has not come yet"
        waits_for = f"second stage {installation.manifest.second_stage_sha256} {trouble}"
        phase, message = "waiting", "Run pulumi up with waitReady, or set packageUrl."
    else:
        phase, message = "bootstrapping", current.plan.title if current else ""
        if current is not None and current.error is not None:
            message = f"{current.plan.title}: {current.error.message}"
    return {
        "schema": 1,
        "simulated": True,
        "phase": phase,
        "message": f"{message} (simulated)",
        "updated": datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        # As the scripts leave it: the last one, when all are done.
        "step": (current or installation.steps[-1]).plan.name if installation.steps else None,
        "waitsFor": waits_for,
        "machine": instance_id,
        "steps": [_step(installation, step) for step in installation.steps],
    }


def _step(installation: Installation, step: Step) -> dict[str, Any]:
    files = installation.downloads.of_step(step.plan.name)
    total = sum(download.file.size for download in files)
    received = sum(int(download.received) for download in files)
    rates = installation.downloads.rates()
    rate = sum(rates.get(download.file.id, 0.0) for download in files)
    done = step.state is StepState.DONE
    return {
        "name": step.plan.name,
        "title": step.plan.title,
        "state": step.state.value,
        "percent": 100 if done else int(received * 100 / total) if total else None,
        "bytes": received if total else None,
        "totalBytes": total or None,
        "rateBytesPerSecond": int(rate) if rate else None,
        "secondsLeft": int((total - received) / rate) if rate else None,
        "attempt": step.attempt if step.state is not StepState.PENDING else 0,
        "error": None if done else _error(step, files),
    }


def _error(step: Step, files: list[Download]) -> dict[str, str] | None:
    if step.error is not None:
        return {"message": step.error.message, "hint": step.error.hint, "logTail": step.error.log_tail}
    trouble = next((download.error for download in files if download.error), None)
    return {"message": trouble, "hint": "It is tried again by itself.", "logTail": ""} if trouble else None


def write_status(folder: Path, document: dict[str, Any]) -> None:
    """Write the status into the state folder, whole or not at all, UTF-8 without a byte order mark."""
    replace_file(folder / STATUS, json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8"), flushed=False)
