"""What is wanted of the demo and how it is: two small files, so that restarts, images and other processes agree.

`state/demo-wanted.json` is written by whoever switches the demo on or off, `state/demo.json` by its supervisor alone.
"""

from __future__ import annotations

import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from guest.files import read_json, write_json
from guest.process import Identity, kill_tree

RUNNING, STOPPED = "running", "stopped"
STARTING, ANSWERING, FAILED = "starting", "answering", "failed"


def want(root: Path, state: str) -> None:
    """Say whether the demo shall run; each call is a new wish, also for the same state."""
    write_json(root / "state" / "demo-wanted.json", {"state": state, "wish": time.time_ns()})


def wanted(root: Path) -> tuple[str, int]:
    """The state that is wanted (running, unless somebody said otherwise), and the number of the wish."""
    told = read_json(root / "state" / "demo-wanted.json") or {}
    return str(told.get("state", RUNNING)), int(told.get("wish", 0))


def read_demo(root: Path) -> dict[str, Any] | None:
    """What the supervisor wrote last, or None. `supervised` is false, and the state stopped, when it is gone itself."""
    told = read_json(root / "state" / "demo.json")
    supervisor = named_process(told, "supervisor")
    if told is None or supervisor is None:
        return None
    told["supervised"] = supervisor.is_alive()
    del told["supervisor"]
    told.pop("child", None)
    if not told["supervised"]:
        told["state"] = STOPPED
    return told


def end_orphan(root: Path) -> None:
    """End a demo whose supervisor was ended from outside: it would hold the port and the GPU's memory."""
    told = read_json(root / "state" / "demo.json")
    supervisor, child = named_process(told, "supervisor"), named_process(told, "child")
    if child is not None and not (supervisor is not None and supervisor.is_alive()):
        kill_tree(child)


def named_process(told: dict[str, Any] | None, name: str) -> Identity | None:
    """A process that the supervisor named; None also where the power has damaged what it wrote."""
    try:
        return Identity.from_dict((told or {})[name])
    except (KeyError, TypeError, ValueError):
        return None


def answers(url: str, timeout: float = 5, trust: ssl.SSLContext | None = None) -> bool:
    """Whether something that speaks HTTP is there, be it with "log in first"; `trust` is for an https address."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    try:
        with opener.open(url, timeout=timeout):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
