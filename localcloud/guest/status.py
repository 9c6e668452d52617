"""The machine's status file, in the form that the real bootstrap writes, and told to be simulated."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

from .downloads import Download
from .installation import Installation, Step, StepState

STATUS_NAME = "status.json"
SECOND_STAGE = "second stage"


def status_document(
    installation: Installation, *, now: float, demo: dict[str, Any] | None, training: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The status as JSON data; `now` is cloud time in seconds since 1970."""
    failed = installation.failed
    if installation.finished:
        phase, message = "ready", "The demo answers."
    elif failed is not None and failed.error is not None:
        phase, message = "failed", f"{failed.plan.title}: {failed.error.message} {failed.error.hint}"
    elif installation.waiting:
        phase, message = "waiting", "The second stage has not come yet."
    else:
        phase, message = "bootstrapping", "The machine installs itself."
    current = failed or _current(installation)
    return {
        "schema": 1,
        "simulated": True,
        "phase": phase,
        "message": f"(simulated) {message}",
        "updated": datetime.datetime.fromtimestamp(now, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "step": current.plan.name if current else None,
        "steps": [_step(installation, step) for step in installation.steps],
        "waitsFor": SECOND_STAGE if any(s.state is StepState.WAITING for s in installation.steps) else None,
        "demo": demo,
        "training": training,
    }


def _current(installation: Installation) -> Step | None:
    """The step to show as the current one: of those in work the first that does not run beside the others."""
    at_work = [s for s in installation.steps if s.state in {StepState.RUNNING, StepState.WAITING}]
    return next((step for step in at_work if not step.plan.beside), at_work[0] if at_work else None)


def _step(installation: Installation, step: Step) -> dict[str, Any]:
    files = installation.downloads.of_step(step.plan.name)
    total = sum(download.file.size for download in files)
    received = sum(int(download.received) for download in files)
    rates = installation.downloads.rates()
    rate = sum(rates.get(download.file.id, 0.0) for download in files)
    done = step.state is StepState.DONE
    installing = step.state is StepState.RUNNING and received == total
    left: float | None = None
    if installing:
        left = step.plan.install_seconds - step.worked
    elif rate:
        left = (total - received) / rate + step.plan.install_seconds
    return {
        "name": step.plan.name,
        "title": step.plan.title,
        "state": step.state.value,
        "percent": 100 if done else int(received * 100 / total) if total else None,
        "bytes": received if total else None,
        "totalBytes": total or None,
        "rateBytesPerSecond": int(rate) if rate else None,
        "secondsLeft": None if left is None or done else int(left),
        "attempt": max([step.attempt, *(download.attempt for download in files)]),
        "error": None if done else _error(step, files),
    }


def _error(step: Step, files: list[Download]) -> dict[str, str] | None:
    if step.error is not None:
        return {"message": step.error.message, "hint": step.error.hint, "logTail": step.error.log_tail}
    trouble = next((download for download in files if download.error), None)
    if trouble is None:
        return None
    return {
        "message": f"{trouble.file.id}: {trouble.error}",
        "hint": "It is tried again by itself.",
        "logTail": "",
    }


def write_status(folder: Path, document: dict[str, Any]) -> None:
    """Write `status.json` into the state folder, whole or not at all, UTF-8 without a byte order mark."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (STATUS_NAME + ".part")
    part.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    part.replace(folder / STATUS_NAME)
