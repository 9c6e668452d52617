"""Watches for the notice that this spot machine will be reclaimed, and saves what can be saved in two minutes.

    python -m guest.watch

The machine's metadata answer 404 until the notice comes, then the time of the end, in China's time (Tencent Cloud,
"Managing spot instances", interruption notice).
"""

from __future__ import annotations

import datetime
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.status import RECLAIM
from guest.training import verbs
from guest.training.files import write_json
from guest.training.machine import this_machine

METADATA = "http://metadata.tencentyun.com/latest/meta-data"
_PATH = "spot/termination-time"
_CHINA = datetime.timezone(datetime.timedelta(hours=8))
POLL_SECONDS = 5.0
#: Kept back from the notice for writing down what happened.
_RESERVE_SECONDS = 15.0


def read_notice(metadata: str = METADATA) -> datetime.datetime | None:
    """When the machine ends, or None while no notice was given or the metadata cannot be asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{metadata}/{_PATH}", timeout=3) as response:
            text = response.read(100).decode("ascii").strip()
        return datetime.datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=_CHINA)
    except (OSError, ValueError):
        return None


def prepare_end(root: Path, end: datetime.datetime, now: datetime.datetime) -> dict[str, Any]:
    """Stop a training in order, so that its checkpoint is whole, and write down what happened."""
    told: dict[str, Any] = {
        "noticed": now.isoformat(timespec="seconds"),
        "ends": end.astimezone(datetime.timezone.utc).isoformat(timespec="seconds"),  # noqa: UP017 - Python 3.10
        "training": None,
        "message": "The machine will be reclaimed. No training runs.",
    }
    write_json(root / "state" / RECLAIM, told)
    patience = max((end - now).total_seconds() - _RESERVE_SECONDS, 1.0)
    try:
        stopped = verbs.stop_training({"patienceSeconds": patience})
    except GuestError as error:
        told |= {"message": f"The training did not stop in order: {error.message}", "training": error.as_dict()}
    else:
        if stopped["stopped"]:
            newest = stopped.get("newestCheckpoint")
            told |= {
                "training": stopped,
                "message": f"The training {stopped['stopped']} was stopped; newest checkpoint: {newest}.",
            }
    write_json(root / "state" / RECLAIM, told)
    # To the disk at once: the power goes without a word.
    if hasattr(os, "sync"):
        os.sync()
    return told


def watch(
    root: Path, *, metadata: str = METADATA, poll: float = POLL_SECONDS, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Poll until a notice comes, then prepare; returns what was written."""
    # A notice in an image is that of the machine from which the image was made.
    (root / "state" / RECLAIM).unlink(missing_ok=True)
    while (end := read_notice(metadata)) is None:
        sleep(poll)
    return prepare_end(root, end, datetime.datetime.now(datetime.timezone.utc))  # noqa: UP017 - Python 3.10


def main() -> int:
    root = this_machine().root
    watch(root, metadata=os.environ.get("CHATGLM_METADATA", METADATA).rstrip("/"))
    # The notice stands until the end, and a new watcher would only find it again.
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
