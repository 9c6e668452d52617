"""How long a reclaimed machine is away where a guard looks once a minute: `reclaim_back_minutes`.

The real engine, the guard as a command, a local cloud whose machines run their guests. Minutes are those of the cloud's
clock, which runs at twice the speed of reality meanwhile: what the engine and the guard really take counts double. The
machine is reclaimed right after a look, which is the worst moment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.figure import Figure
from localcloud.control_client import Control
from rehearsal.engine import ROOT
from tools.throwaway import local_cloud
from tools.workspace import Result, Workspace

SPEED = 2.0
LOOK_SECONDS = 60.0
_LOOKS = 10


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with local_cloud(folder / "cloud") as port:
            settings = {"chatglm:restoreAfterReclaim": "true"}
            stack = Workspace(folder / "stack", folder / "cloud", port, settings=settings)
            for state in ("running", "parked", "running"):
                _demand(stack.up(state))
            return [Figure("reclaim_back_minutes", _away(stack, Control(f"http://127.0.0.1:{port}")) / 60, "min", 7)]


def _away(stack: Workspace, control: Control) -> float:
    """Seconds of the cloud's clock from the reclaim to the demo's answer. Raises RuntimeError where it stays away."""
    machine = str(stack.outputs()["machineId"])
    control.set_speed(SPEED)
    looked = control.now()
    assert _look(stack) == "stay"
    begun = control.now()
    control.reclaim(machine, 0)
    for _ in range(_LOOKS):
        time.sleep(max(looked + LOOK_SECONDS - control.now(), 0) / SPEED)
        looked = control.now()
        if _look(stack) == "restore":
            _demand_answer(str(stack.outputs()["demoUrl"]))
            return control.now() - begun
    raise RuntimeError(f"after {_LOOKS} looks the machine is not back")


def _look(stack: Workspace) -> str:
    """One look of the guard; what it did. Raises RuntimeError where that failed."""
    command = [sys.executable, "-m", "operate", "guard", "--once", "--json", "--stack", stack.stack]
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=stack.project, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(run.stdout + run.stderr)
    return str(json.loads(run.stdout.splitlines()[-1])["act"])


def _demand_answer(url: str) -> None:
    """The page answers; it asks for its login, which is an answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as response:
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    if status not in (200, 401):
        raise RuntimeError(f"{url} answers {status}")


def _demand(result: Result) -> None:
    if not result.ok:
        raise RuntimeError(result.text)
