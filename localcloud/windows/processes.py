"""The processes of one machine: real children of the local cloud, marked so that all of them can be found.

Training is meant to outlive the connection that started it, so it leaves its parent's session and process group. But
nothing outlives the machine. Every child therefore carries a mark in its environment, which its own children inherit,
and a power cut kills whatever carries the mark.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import psutil

from .streams import CommandStreams, drain, feed

MARK = "LOCALCLOUD_MACHINE"
_LEFT_OVER_SECONDS = 30.0
_KILL_SECONDS = 5.0
_RESTART_SECONDS = 10.0
# Of the local cloud's own environment only these reach a machine: no keys, no proxy.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH", "PYTHONDONTWRITEBYTECODE")
_INHERITED_PREFIX = "CHATGLM_REHEARSAL_"


class MachineProcesses:
    """Starts and ends the processes of one machine."""

    def __init__(self, instance_id: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._mark = f"{instance_id}@{folder}"
        self._folder = folder
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in _INHERITED or name.startswith(_INHERITED_PREFIX)
        }
        self._environment = {**inherited, "PYTHONUTF8": "1", **environment, MARK: self._mark}

    async def run_python(self, arguments: Sequence[str], streams: CommandStreams) -> int:
        """Run Python with the streams of a command, and return its exit code. Cancelling kills the process group."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        feeding = asyncio.create_task(feed(streams, cast(asyncio.StreamWriter, process.stdin)))
        outputs = ((process.stdout, "stdout"), (process.stderr, "stderr"))
        draining = [
            asyncio.create_task(drain(cast(asyncio.StreamReader, pipe), streams, name)) for pipe, name in outputs
        ]
        try:
            exit_code = await process.wait()
            # A detached child that kept the pipes must not keep the client waiting.
            await asyncio.wait(draining, timeout=_LEFT_OVER_SECONDS)
            return exit_code
        finally:
            for task in (feeding, *draining):
                task.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    async def keep_running(self, module: str, log_file: Path) -> None:
        """Run a module of the machine's Python, and run it again whenever it ends, as a start-up task does."""
        log_file.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with log_file.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    module,
                    cwd=self._folder,
                    env=self._environment,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            try:
                await process.wait()
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await asyncio.sleep(_RESTART_SECONDS)

    def alive(self) -> list[psutil.Process]:
        """Every living process that carries this machine's mark."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def kill_all(self) -> None:
        """Kill every process of the machine, again and again until none is left: one may have just been started."""
        ends = time.monotonic() + _KILL_SECONDS
        while (ours := self.alive()) and time.monotonic() < ends:
            for process in ours:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(ours, timeout=0.05)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            return False  # gone meanwhile, or another user's
