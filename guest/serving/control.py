"""Switching the demo on and off from other processes (the verbs, the training)."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from guest.errors import GuestError
from guest.machine import Machine
from guest.phrases import phrase
from guest.process import start_detached
from guest.serving import state

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

    def is_wanted(self) -> bool:
        """Whether it runs or will: after a start of the machine its supervisor may only be on its way."""
        return state.wanted(self._root)[0] == state.RUNNING or self.is_running()

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
                raise GuestError(
                    phrase("The demo does not end."), phrase("Look at the log named demo, or restart the machine.")
                )
            time.sleep(_POLL_SECONDS)

    def wait_until_answers(self, seconds: float) -> str | None:
        """None when the demo answers; why it does not.

        At once where the reason is known and stays, after three starts in vain, or else after `seconds`.
        """
        ends = time.monotonic() + seconds
        while True:
            if self._carried_out(state.ANSWERING):
                return None
            told = state.read_demo(self._root) or {}
            if told.get("wish") == state.wanted(self._root)[1] and told.get("error"):
                error = told["error"]
                if error.get("final") or told.get("failures", 0) >= 3:
                    reason: str = error["message"]
                    return reason
            if time.monotonic() > ends:
                return phrase(
                    "It has not answered within {seconds:.0f} s; it is {state}.",
                    seconds=seconds,
                    state=told.get("state", "not running"),
                )
            time.sleep(_POLL_SECONDS)

    def _carried_out(self, wanted: str) -> bool:
        told = state.read_demo(self._root)
        return told is not None and told["state"] == wanted and told.get("wish") == state.wanted(self._root)[1]

    def _is_supervised(self) -> bool:
        told = state.read_demo(self._root)
        return told is not None and bool(told["supervised"])


def _start_supervisor(root: Path) -> None:
    if sys.platform == "win32":
        # The task exists since the installation; it runs as SYSTEM and outlives this connection.
        subprocess.run(["schtasks.exe", "/Run", "/TN", TASK_NAME], check=True, capture_output=True)
    else:
        start_detached(["-m", "guest.serving.supervisor"], directory=root, log=root / "logs" / "supervisor.log")
