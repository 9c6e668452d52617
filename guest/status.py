"""The machine's state in one document: what the installation wrote, and how demo, training and reclaim stand now.

Every writer has a file of its own in `state/`, so nobody waits for a lock: `status.json` belongs to the installation
(PowerShell), `demo.json` to the demo's supervisor, `reclaim.json` to the watcher; the training keeps its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import read_json
from guest.installation import STATUS, heartbeat
from guest.serving import tls
from guest.serving.settings import read_settings
from guest.serving.state import read_demo
from guest.training import verbs
from guest.unattended import told as unattended

RECLAIM = "reclaim.json"
DOWNLOADS = "downloads.json"


def read_status(root: Path) -> dict[str, Any]:
    """The status as one JSON object; parts that do not exist are null."""
    status = read_json(root / "state" / STATUS)
    return {
        **tell_downloads(status or {"schema": 1, "phase": "bootstrapping", "steps": []}, root),
        "heartbeat": heartbeat(status),
        "demo": read_demo(root),
        "tls": _tls(root),
        "training": _training(),
        "reclaim": read_json(root / "state" / RECLAIM),
        "unattended": unattended.told(root),
    }


def tell_downloads(status: dict[str, Any], root: Path) -> dict[str, Any]:
    """The status with each unfinished step's download trouble (`download`: state, file, message, hint).

    The installation looks at the downloads of the step that it is at. One of a later step that has failed, or waits for
    room, is known hours before.
    """
    files = (read_json(root / "state" / DOWNLOADS) or {}).get("files")
    troubles: dict[str, dict[str, Any]] = {}
    for file in files if isinstance(files, list) else []:
        # Waiting for another file's proof is no trouble, and has no hint.
        if file.get("state") != "failed" and not (file.get("state") == "waiting" and file.get("hint")):
            continue
        told = {"state": file["state"], "file": file["id"], "message": file["error"], "hint": file.get("hint", "")}
        if file["step"] not in troubles or told["state"] == "failed":
            troubles[file["step"]] = told
    steps = [
        {**step, "download": troubles[step["name"]]}
        if step.get("name") in troubles and step.get("state") != "done"
        else step
        for step in status.get("steps", [])
    ]
    return {**status, "steps": steps}


def _tls(root: Path) -> dict[str, Any] | None:
    """The demo's certificate, None in it while the demo waits for one; None where plain HTTP is served."""
    try:
        return {"certificate": tls.certificate(root)} if read_settings(root).tls else None
    except GuestError:
        return None  # no manifest yet


def _training() -> dict[str, Any] | None:
    try:
        told = verbs.progress({})
    except GuestError as error:
        return {"error": error.as_dict()}
    return told if told["running"] else None
