"""The three standard streams of a command in a remote shell, and the command's end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

_HIGH_WATER_BYTES = 4 * 1024 * 1024

_CHUNK = 64 * 1024


class CommandStreams:
    """Standard input, output and error between a running command and the client that asks for them.

    The command waits when the client does not fetch its output or has not sent its input; the client's request waits
    for output until its timeout.
    """

    def __init__(self) -> None:
        self._output: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._input: deque[bytes] = deque()
        self._input_ended = False
        self._changed = asyncio.Condition()
        self.exit_code: int | None = None

    async def write(self, data: bytes, stream: str = "stdout") -> None:
        """Give output to the client; waits while much is still unread."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._output[stream]) < _HIGH_WATER_BYTES)
            self._output[stream] += data
            self._changed.notify_all()

    async def read(self) -> bytes:
        """The next piece of input, or nothing (`b""`) at its end."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._input) or self._input_ended)
            piece = self._input.popleft() if self._input else b""
            self._changed.notify_all()
            return piece

    async def read_all(self) -> bytes:
        """All input up to its end."""
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    async def finish(self, exit_code: int) -> None:
        """The command has ended; output that is still here can be fetched."""
        async with self._changed:
            self.exit_code = exit_code
            self._input.clear()
            self._changed.notify_all()

    async def feed(self, data: bytes, *, end: bool) -> None:
        """Take input from the client; waits while the command has much to read, as a full pipe does."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self.exit_code is not None or sum(map(len, self._input)) < _HIGH_WATER_BYTES
            )
            if data and self.exit_code is None:
                self._input.append(data)
            self._input_ended = self._input_ended or end
            self._changed.notify_all()

    async def take_output(self, most: int, timeout: float) -> dict[str, bytes] | None:
        """Up to `most` bytes of each stream's output; None when nothing came in `timeout` seconds.

        An ended command with nothing left answers at once, with nothing in it.
        """
        async with self._changed:
            try:
                async with asyncio.timeout(timeout):
                    await self._changed.wait_for(lambda: self.exit_code is not None or any(self._output.values()))
            except TimeoutError:
                return None
            taken: dict[str, bytes] = {}
            for name, buffer in self._output.items():
                share = most - sum(map(len, taken.values()))
                if buffer and share > 0:
                    taken[name] = bytes(buffer[:share])
                    del buffer[:share]
            self._changed.notify_all()
            return taken

    @property
    def drained(self) -> bool:
        """Whether the command has ended and all its output was fetched."""
        return self.exit_code is not None and not any(self._output.values())


class CollectedStreams(CommandStreams):
    """Streams whose standard output is kept back until it is whole; the rest goes to an outer command, if any."""

    def __init__(self, outer: CommandStreams | None = None) -> None:
        super().__init__()
        self._outer = outer
        self.collected = bytearray()

    async def read(self) -> bytes:
        """The outer command's input; none without one."""
        return await self._outer.read() if self._outer else b""

    async def write(self, data: bytes, stream: str = "stdout") -> None:
        """Keep standard output, pass on the rest."""
        if stream == "stdout":
            self.collected += data
        elif self._outer:
            await self._outer.write(data, stream)


async def drain(pipe: asyncio.StreamReader, streams: CommandStreams, name: str) -> None:
    """Hand on what a process prints until it closes its end."""
    while data := await pipe.read(_CHUNK):
        await streams.write(data, name)


async def feed(streams: CommandStreams, pipe: asyncio.StreamWriter) -> None:
    """Hand a process its input, as far as it reads it."""
    with contextlib.suppress(OSError):  # the process does not read its input
        while data := await streams.read():
            pipe.write(data)
            await pipe.drain()
        pipe.close()
