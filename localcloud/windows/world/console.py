"""The remote shell of a machine of the world: runs whatever line it is given, with Windows' programs and PowerShell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import cast

from localcloud.windows.shells import CommandLine
from localcloud.windows.streams import CommandStreams, drain, feed
from localcloud.windows.world.inside.command_line import split
from localcloud.windows.world.machine import WindowsWorld

_LEFT_OVER_SECONDS = 5.0


class WorldConsole:
    """A `shells.CommandRunner`."""

    def __init__(self, machine: WindowsWorld) -> None:
        self._machine = machine

    async def run(self, line: CommandLine, streams: CommandStreams) -> int:
        """Run one line. WinRM ends the children of its shell with it, those that left its job excepted."""
        words = split(line.text)
        if not words:
            return 1
        process = await asyncio.create_subprocess_exec(
            *self._machine.inside(*words),
            cwd=self._machine.disk / "Windows/System32",
            env={**self._machine.surroundings(), **line.environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        feeding = asyncio.create_task(feed(streams, cast(asyncio.StreamWriter, process.stdin)))
        draining = [
            asyncio.create_task(drain(cast(asyncio.StreamReader, pipe), streams, name))
            for pipe, name in ((process.stdout, "stdout"), (process.stderr, "stderr"))
        ]
        try:
            exit_code = await process.wait()
            await asyncio.wait(draining, timeout=_LEFT_OVER_SECONDS)
            return self._machine.whole_exit_code(process.pid, exit_code)
        finally:
            for task in (feeding, *draining):
                task.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
