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
from guest.failures import explain, known
from guest.files import read_json, write_json
from guest.machine import Machine, this_machine
from guest.phrases import phrase
from guest.process import Identity, kill_tree
from guest.serving import live, state, tls
from guest.serving.choice import base_settings, missing_parts, serving_file
from guest.serving.health import Health, stranger
from guest.serving.login import probe_token, renew_probe_token
from guest.serving.model_check import ModelCheck, Standing, suspect
from guest.serving.settings import DemoSettings, read_settings

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
        self.health = self._health()
        self.model = ModelCheck(machine)
        self._written: dict[str, Any] = {}
        self._wish: int | None = None
        self._log = demo_log(machine.root / "logs" / "demo.log")

    def run(self, ended: threading.Event) -> None:
        """Supervise until `ended` is set; the demo ends with it."""
        state.end_orphan(self.machine.root)
        try:
            while not ended.wait(self.tick):
                self.step()
        finally:
            self._stop()
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
            if time.monotonic() >= self.not_before and self._may_load():
                self._start()
            return
        exit_code = self.child.process.poll()
        self.health.look()
        if exit_code is not None:
            self._ended(exit_code)
        elif self.health.trouble:
            self._failed(phrase("The demo runs but does not answer: {trouble}.", trouble=self.health.trouble))
        elif self.health.answers:
            # An engine that switched while it ran says itself what it serves.
            self._tell(state.ANSWERING, model=live.served(self.machine))

    def _may_load(self) -> bool:
        """Whether nothing speaks against the model's files; after a failure of theirs only their hashes can tell."""
        match self.model.look():
            case Standing.FINE:
                return True
            case Standing.CHECKING:
                message = phrase(
                    "The model's files are compared with their hashes, which takes minutes: {reason}",
                    reason=self.model.reason,
                )
                self._tell(state.STARTING, error={"message": message, "logTail": "", "final": False})
            case Standing.WRONG:
                self._failed(
                    phrase(
                        "A file of the model is wrong and could not be fetched anew: {trouble}",
                        trouble=self.model.trouble(),
                    )
                )
        return False

    def _take_settings(self) -> None:
        """Serve with what the manifest says now: on a restored disk it is replaced while this runs already."""
        try:
            settings = read_settings(self.machine.root)
        except GuestError as error:
            self._log.info(phrase("{message} The settings of before still hold.", message=error.message))
            return
        if settings != self.settings:
            self.settings = settings
            self.health = self._health()

    def _health(self) -> Health:
        root = self.machine.root
        return Health(self.settings.local_url, lambda: probe_token(root), trust=lambda: tls.own_trust(root))

    def _start(self) -> None:
        self._take_settings()
        if self.settings.tls and tls.certificate(self.machine.root) is None:
            # Looked for at each tick. Never in the clear meanwhile.
            error = {"message": phrase("The demo is not served: {why}.", why=tls.WAITS), "logTail": "", "final": False}
            self._tell(state.STARTING, error=error)
            return
        chosen = read_json(serving_file(self.machine))
        if chosen is None and serving_file(self.machine).exists():
            # Never the base model in its place, without a word.
            self._failed(
                phrase(
                    "{file} is damaged: which model was deployed is not known. Deploy it.",
                    file=serving_file(self.machine),
                )
            )
            return
        serving = chosen or base_settings(self.machine)
        hindrance = missing_parts(serving) or stranger(self.settings.local_url)
        if hindrance:
            self._failed(hindrance)
            return
        self.health.begin()
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
            if "CUDA error" in text:
                self.health.hurry()

    def _ended(self, exit_code: int) -> None:
        """The demo's process is gone: say why, as far as its last lines tell."""
        verdict = explain(list(self.child.tail) if self.child else [], exit_code)
        self._failed(
            phrase(
                "The demo ended with {exit_code}: {reason} {hint}",
                exit_code=exit_code,
                reason=verdict.reason,
                hint=verdict.hint,
            )
        )

    def _failed(self, why: str) -> None:
        """End what is left of the demo, say why, and try again later: each time later."""
        child = self.child
        self._stop()
        if child is not None and time.monotonic() - child.started > STEADY_SECONDS:
            self.failures = 0
        pause = self.pauses[min(self.failures, len(self.pauses) - 1)]
        self.failures += 1
        self.not_before = time.monotonic() + pause
        tail = list(child.tail) if child is not None else []
        reason = known("\n".join([why, *tail]))
        if reason is not None and reason.doubts_model and not suspect(self.machine, why):
            why = phrase("{why} By their hashes the model's files are right.", why=why)
        message = phrase("{why} It is started again in {pause:.0f} s.", why=why, pause=pause)
        self._log.info("%s", message)
        error = {"message": message, "logTail": "\n".join(tail), "final": reason is not None}
        self._tell(state.FAILED, error=error)

    def _stop(self) -> None:
        self.model.end()
        if self.child:
            self.child.end()
            self.child = None

    def _tell(self, what: str, *, model: str | None = None, error: dict[str, Any] | None = None) -> None:
        told = {
            "state": what,
            "url": self.settings.local_url,
            "settings": self.settings.mark,
            "model": model or self._written.get("model"),
            "failures": self.failures,
            "wish": self._wish,
            "error": error,
        }
        if what == state.STARTING and self.failures and error is None:
            told["error"] = self._written.get("error")
        if told != self._written:
            self._written = told
            child = Identity.of(self.child.process.pid).as_dict() if self.child else None
            me = Identity.of(os.getpid()).as_dict()
            write_json(self.machine.state / "demo.json", {**told, "supervisor": me, "child": child})


def demo_log(path: Path) -> logging.Logger:
    """The demo's log, which rotates."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Opened with the first line, and tried again with each: a log that somebody keeps open must not end the demo.
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    made = logging.Logger("demo")
    made.addHandler(handler)
    return made


def other_is_alive(root: Path) -> bool:
    """Whether another supervisor is at work on this machine."""
    other = state.named_process(read_json(root / "state" / "demo.json"), "supervisor")
    return other is not None and other.pid != os.getpid() and other.is_alive()


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
