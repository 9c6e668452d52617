"""The Pulumi engine as a child process that is never left behind: signals reach it once, and its end is waited for.

A killed engine leaves its stack locked and its last steps unrecorded. The engine ends in order at the first signal (it
lets the steps that are under way come to their end) and at once at the second.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import IO

from pulumi import automation
from pulumi.automation import CommandResult, OnOutput
from pulumi.automation.errors import create_command_error

from words import later, phrase

#: What a person or the system ends a command with. The engine knows the first two; a closed terminal is passed on as
#: the first.
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Windows has no SIGHUP
#: Commands that hold the stack's lock or take their time; all others end within a second, and are let end.
_LONG = ("up", "destroy", "preview", "refresh")

#: A process group of its own, in the words of either system.
_GROUP = None if sys.platform == "win32" else 0
_FLAGS = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)

FIRST = later("Ending in order: what is under way comes to its end first, which can take minutes. Again: at once.")
SECOND = later("Ending at once.")


class PatientEngine(automation.PulumiCommand):
    """What the Automation API runs commands with. `tell` hears what is said when a signal comes.

    The engine runs in a process group of its own, so that the terminal's Ctrl-C does not reach it a second time.
    """

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        super().__init__()
        self._tell = tell
        self._process: subprocess.Popen[str] | None = None
        self.signals: list[int] = []

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> CommandResult:
        """Run a command to its end. Raises CommandError when it fails, KeyboardInterrupt when a signal came."""
        command = [self.command, "--non-interactive", *args]
        with (
            self._taking_signals(passed_on=args[0] in _LONG),
            subprocess.Popen(
                command,
                cwd=cwd,
                env={**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                process_group=_GROUP,
                creationflags=_FLAGS,
            ) as self._process,
        ):
            out, err = _read(self._process.stdout, on_output), _read(self._process.stderr, on_error)
            code = self._process.wait()
            result = CommandResult(stdout=out(), stderr=err(), code=code)
        if self.signals:
            raise KeyboardInterrupt
        if code != 0:
            raise create_command_error(result)
        return result

    @contextmanager
    def _taking_signals(self, *, passed_on: bool) -> Iterator[None]:
        """Take this process's signals meanwhile. Only the main thread can; elsewhere nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def take(number: int, _: FrameType | None) -> None:
            self.signals.append(number)
            if passed_on and self._process is not None and self._process.poll() is None:
                self._tell(phrase(FIRST if len(self.signals) == 1 else SECOND))
                self._process.send_signal(_meant(number))

        before = {number: signal.signal(number, take) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _meant(number: int) -> int:
    """The signal that the engine understands; Windows passes on only Ctrl-Break."""
    if sys.platform == "win32":
        return int(signal.CTRL_BREAK_EVENT)
    return number if number == signal.SIGTERM else signal.SIGINT


def _read(stream: IO[str] | None, hear: OnOutput | None) -> Callable[[], str]:
    """Read a stream line by line in a thread of its own; the answer waits for its end and gives the whole text."""
    lines: list[str] = []

    def consume() -> None:
        for line in stream or ():
            lines.append(line.rstrip())
            if hear:
                hear(lines[-1])

    thread = threading.Thread(target=consume, daemon=True)
    thread.start()

    def whole() -> str:
        thread.join()
        return "\n".join(lines)

    return whole
