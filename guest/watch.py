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
from guest.files import write_json
from guest.machine import Machine, this_machine
from guest.phrases import phrase
from guest.status import RECLAIM
from guest.training import verbs
from guest.training.recovery import recover

METADATA = "http://metadata.tencentyun.com/latest/meta-data"
_PATH = "spot/termination-time"
_CHINA = datetime.timezone(datetime.timedelta(hours=8))
POLL_SECONDS = 5.0
#: From the notice to the end (Tencent Cloud, "Managing spot instances").
NOTICE_SECONDS = 120.0
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


def seconds_left(end: datetime.datetime, now: datetime.datetime) -> float:
    """Seconds from the notice to the end, by this machine's clock only where it can be right.

    A clock in another time zone says hours, or a time that has passed. The notice comes two minutes ahead and is asked
    for every few seconds: what is not between is taken for two minutes since the last look. The rest is measured by
    the monotonic clock.
    """
    told = (end - now).total_seconds()
    return told if 0 < told <= NOTICE_SECONDS else NOTICE_SECONDS - POLL_SECONDS


def prepare_end(root: Path, end: datetime.datetime, now: datetime.datetime) -> dict[str, Any]:
    """Stop a training in order, so that its checkpoint is whole, and write down what happened."""
    told: dict[str, Any] = {
        "noticed": now.isoformat(timespec="seconds"),
        "ends": end.astimezone(datetime.timezone.utc).isoformat(timespec="seconds"),
        "training": None,
        "message": phrase("The machine will be reclaimed. No training runs."),
    }
    write_json(root / "state" / RECLAIM, told)
    patience = seconds_left(end, now) - _RESERVE_SECONDS
    try:
        stopped = verbs.stop_training({"patienceSeconds": max(patience, 1.0), "machineEnds": True})
    except GuestError as error:
        told |= {
            "message": phrase("The training did not stop in order: {message}", message=error.message),
            "training": error.as_dict(),
        }
    else:
        if stopped["stopped"]:
            newest = stopped.get("newestCheckpoint")
            told |= {
                "training": stopped,
                "message": phrase(
                    "The training {stopped} was stopped; newest checkpoint: {newest}.",
                    stopped=stopped["stopped"],
                    newest=newest,
                ),
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
    return prepare_end(root, end, datetime.datetime.now(datetime.timezone.utc))


def _recover(machine: Machine) -> None:
    """Go on with what was interrupted; whatever stands in the way, the notice must be watched for."""
    try:
        done = recover(machine)
    except (GuestError, OSError) as error:
        sys.stderr.write(f"What was interrupted does not go on: {error}\n")
    else:
        if done is not None:
            sys.stderr.write(f"After the start of the machine: {done}\n")


def main() -> int:
    machine = this_machine()
    root = machine.root
    _recover(machine)
    watch(root, metadata=os.environ.get("CHATGLM_METADATA", METADATA).rstrip("/"))
    # The notice stands until the end, and a new watcher would only find it again.
    threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
