"""How long `chatglm status` takes against a running machine: a new process each time, real engine, cloud and WinRM."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figure import Figure
from rehearsal.engine import ROOT
from tools.throwaway import local_cloud
from tools.workspace import Workspace

TIMES = 7


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as temporary, local_cloud(Path(temporary) / "cloud") as port:
        folder = Path(temporary)
        # A home of its own, for the certificates that are held.
        before = os.environ.get("HOME", "")
        os.environ["HOME"] = str(folder)
        try:
            stack = Workspace(folder / "stack", folder / "cloud", port)
            brought_up = stack.up("running")
            if not brought_up.ok:
                raise RuntimeError(brought_up.text)
            seconds = statistics.median(_status(stack) for _ in range(TIMES))
        finally:
            os.environ["HOME"] = before
    return [Figure("status_seconds", seconds, "s", 2)]


def _status(stack: Workspace) -> float:
    command = [sys.executable, "-m", "operate", "status", "--stack", stack.stack, "--json"]
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    run = subprocess.run(command, cwd=stack.project, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if run.returncode or json.loads(run.stdout)["phase"] != "ready":
        raise RuntimeError(f"status failed: {run.stdout}{run.stderr}")
    return seconds
