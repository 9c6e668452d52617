"""Keeps the demo running as it is wanted: starts it, restarts it when it fails, stops it, rotates its log.

    python -m guest.serving.supervisor

Runs as long as the machine does (a start-up task of Windows). One at a time; a second one ends at once.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.serving import state
from guest.serving.login import renew_probe_token
from guest.serving.settings import DemoSettings, read_settings
from guest.training import deploy
from guest.training.files import read_json, write_json
from guest.training.machine import Machine, this_machine
from guest.training.process import Identity, kill_tree

LOG_BYTES = 5_000_000
LOG_FILES = 5
#: A demo that ran this long (seconds) and then failed is started again at once.
STEADY_SECONDS = 600
PAUSES = (5, 15, 60, 300)


@dataclass
class Child:
    """The demo's process, and the end of what it printed."""

    process: subprocess.Popen[bytes]
    started: float
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=15))

    def end(self) -> None:
        kill_tree(Identity.of(self.process.pid))
        self.process.wait()


class Supervisor:
    """Compares what is wanted with what is, once a `tick` (seconds)."""

    def __init__(
        self, machine: Machine, settings: DemoSettings, *, tick: float = 1, pauses: tuple[float, ...] = PAUSES
    ):
        self.machine, self.settings = machine, settings
        self.tick, self.pauses = tick, pauses
        self.child: Child | None = None
        self.failures = 0
        self.not_before = 0.0
        self._written: dict[str, Any] = {}
        self._wish: int | None = None
        self._log = _demo_log(machine.root / "logs" / "demo.log")

    def run(self, ended: threading.Event) -> None:
        """Supervise until `ended` is set; the demo ends with it."""
        state.end_orphan(self.machine.root)
        try:
            while not ended.wait(self.tick):
                self.step()
        finally:
            if self.child:
                self.child.end()
            self._tell(state.STOPPED)

    def step(self) -> None:
        """One comparison."""
        wanted, wish = state.wanted(self.machine.root)
        if wish != self._wish:
            # Every wish is carried out, so that a start with other settings restarts a running demo.
            self._stop()
            self._wish, self.failures, self.not_before = wish, 0, 0.0
        if wanted == state.STOPPED:
            self._stop()
            self._tell(state.STOPPED)
            return
        if self.child is None:
            if time.monotonic() >= self.not_before:
                self._start()
            return
        exit_code = self.child.process.poll()
        if exit_code is not None:
            self._failed(exit_code)
        elif state.answers(self.settings.local_url):
            self._tell(state.ANSWERING)

    def _start(self) -> None:
        serving = read_json(deploy.serving_file(self.machine)) or deploy.base_settings(self.machine)
        renew_probe_token(self.machine.root)
        environment = {
            **os.environ,
            **self.machine.upstream_environment(),
            # Not shared with a training: loading a model rewrites its module's copy.
            "HF_MODULES_CACHE": str(self.machine.root / "cache" / "modules-demo"),
            "CHATGLM_ROOT": str(self.machine.root),
            "CHATGLM_MODEL": str(self.machine.model),
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
            "GRADIO_SERVER_NAME": self.settings.host,
            "GRADIO_SERVER_PORT": str(self.settings.port),
            "GRADIO_ANALYTICS_ENABLED": "False",
        }
        process = subprocess.Popen(
            [str(self.machine.python), "-m", "guest.serving.launch", serving["program"], *serving["arguments"]],
            cwd=serving["directory"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A group of its own, to be ended with all that it started.
            start_new_session=True,
        )
        self.child = Child(process, time.monotonic())
        threading.Thread(target=self._copy_output, args=(self.child,), daemon=True).start()
        self._tell(state.STARTING, model=serving["choice"])

    def _copy_output(self, child: Child) -> None:
        assert child.process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in child.process.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            child.tail.append(text)
            self._log.info("%s", text)

    def _failed(self, exit_code: int) -> None:
        child, self.child = self.child, None
        if child is None:
            return
        if time.monotonic() - child.started > STEADY_SECONDS:
            self.failures = 0
        pause = self.pauses[min(self.failures, len(self.pauses) - 1)]
        self.failures += 1
        self.not_before = time.monotonic() + pause
        message = f"The demo ended with {exit_code}; it is started again in {pause:.0f} s."
        self._tell(state.FAILED, error={"message": message, "logTail": "\n".join(child.tail)})

    def _stop(self) -> None:
        if self.child:
            self.child.end()
            self.child = None

    def _tell(self, what: str, *, model: str | None = None, error: dict[str, str] | None = None) -> None:
        told = {
            "state": what,
            "url": self.settings.local_url,
            "model": model or self._written.get("model"),
            "failures": self.failures,
            "wish": self._wish,
            "error": error,
        }
        if what == state.STARTING and self.failures:
            told["error"] = self._written.get("error")
        if told != self._written:
            self._written = told
            child = Identity.of(self.child.process.pid).as_dict() if self.child else None
            me = Identity.of(os.getpid()).as_dict()
            write_json(self.machine.state / "demo.json", {**told, "supervisor": me, "child": child})


def _demo_log(path: Path) -> logging.Logger:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    made = logging.Logger("demo")
    made.addHandler(handler)
    return made


def other_is_alive(root: Path) -> bool:
    """Whether another supervisor is at work on this machine."""
    told = read_json(root / "state" / "demo.json") or {}
    if not told.get("supervisor"):
        return False
    other = Identity.from_dict(told["supervisor"])
    return other.pid != os.getpid() and other.is_alive()


def main() -> int:
    machine = this_machine()
    if other_is_alive(machine.root):
        return 0
    try:
        settings = read_settings(machine.root)
    except GuestError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return 1
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    Supervisor(machine, settings).run(ended)
    return 0


if __name__ == "__main__":
    sys.exit(main())
