"""Switching the demo on and off from other processes (the verbs, the training)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.serving import state
from guest.training import deploy
from guest.training.machine import Machine
from guest.training.process import start_detached

TASK_NAME = "ChatGLM demo"
_POLL_SECONDS = 0.2
_STOP_SECONDS = 60.0


class Demo:
    """The web demo of this machine; see `guest.training.demo.DemoControl`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._root = machine.root

    def is_running(self) -> bool:
        told = state.read_demo(self._root)
        return told is not None and told["state"] in (state.STARTING, state.ANSWERING)

    def start(self) -> None:
        """Start the demo with the serving settings as they are now; returns before it answers."""
        state.want(self._root, state.RUNNING)
        if not self._is_supervised():
            _start_supervisor(self._root)

    def stop(self) -> None:
        """End the demo and return when its GPU memory is free. Raises GuestError when it does not end."""
        state.want(self._root, state.STOPPED)
        ends = time.monotonic() + _STOP_SECONDS
        if not self._is_supervised():
            state.end_orphan(self._root)
            return
        while not self._carried_out(state.STOPPED):
            if time.monotonic() > ends:
                raise GuestError("The demo does not end.", "Look at the log named demo, or restart the machine.")
            time.sleep(_POLL_SECONDS)

    def wait_until_answers(self, seconds: float) -> bool:
        """Whether the demo answers within that time; False at once when it was started thrice in vain."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if self._carried_out(state.ANSWERING):
                return True
            told = state.read_demo(self._root) or {}
            if told.get("wish") == state.wanted(self._root)[1] and told.get("failures", 0) >= 3:
                return False
            time.sleep(_POLL_SECONDS)
        return False

    def _carried_out(self, wanted: str) -> bool:
        told = state.read_demo(self._root)
        return told is not None and told["state"] == wanted and told.get("wish") == state.wanted(self._root)[1]

    def _is_supervised(self) -> bool:
        told = state.read_demo(self._root)
        return told is not None and bool(told["supervised"])


def serve(machine: Machine, model: str | None, seconds: float) -> dict[str, Any]:
    """Make the demo run, with another model where one is named, and wait. Raises GuestError when it fails.

    `model` is "base" or "RUN/checkpoint-N"; without it, what was served last.
    """
    demo = Demo(machine)
    if model and model != deploy.served_choice(machine):
        deploy.switch(machine, _serving(machine, model), demo, seconds=seconds)
    else:
        if not demo.is_running():
            demo.start()
        if not demo.wait_until_answers(seconds):
            told = state.read_demo(machine.root) or {}
            reason = (told.get("error") or {}).get("message", "It is still loading.")
            raise GuestError(f"The demo does not answer. {reason}", "Look at the log named demo.")
    return {"demo": state.read_demo(machine.root)}


def _serving(machine: Machine, model: str) -> dict[str, Any]:
    if model == deploy.BASE:
        return deploy.base_settings(machine)
    from guest.training import runs  # only needed here, and it opens the runs' folder

    name, _, checkpoint = model.partition("/checkpoint-")
    run = runs.open_run(machine.runs, name)
    return deploy.run_settings(machine, run, run.checkpoint(int(checkpoint) if checkpoint else None))


def _start_supervisor(root: Path) -> None:
    if sys.platform == "win32":
        # The task exists since the installation; it runs as SYSTEM and outlives this connection.
        subprocess.run(["schtasks.exe", "/Run", "/TN", TASK_NAME], check=True, capture_output=True)
    else:
        start_detached(["-m", "guest.serving.supervisor"], directory=root, log=root / "logs" / "supervisor.log")
