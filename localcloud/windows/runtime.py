"""All local guests of one local cloud, on one thread.

One asyncio loop in the cloud's own process plays every machine, rather than one process a machine: a guest mostly
waits, so a machine costs two listening sockets and a few tasks instead of an interpreter of some 40 MB, it reads the
cloud's clock directly, and `localcloud start` has nothing to wait for (the thread starts with the first machine). What
really works, the project's Python on the machine, runs in processes of its own all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from localcloud.guest_runtime import Command, CommandOutcome, GuestMachine

from .faults import FaultQueue
from .rates import Rates

log = logging.getLogger(__name__)

_CLOSE_SECONDS = 15.0


class Player(Protocol):
    """Plays one machine on the guests' loop."""

    ready: bool

    @property
    def instance_id(self) -> str: ...

    def power_off(self) -> None: ...

    async def run(self) -> None: ...

    def run_command(self, command: Command, done: Callable[[CommandOutcome], None]) -> str: ...


class LocalGuests:
    """Plays machines; `GuestRuntime` says what each method promises. Any thread may call."""

    def __init__(self, data: Path, rates: Rates | None = None, *, powershell: bool = False) -> None:
        """With `powershell` machines execute their own scripts (`world`); else the twin in Python plays them."""
        self._powershell = powershell
        self._faults = FaultQueue(data)
        self._rates = rates or Rates()
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._machines: dict[str, tuple[Player, Future[None]]] = {}

    def launch(self, machine: GuestMachine) -> None:
        """Power a machine on; when its last power-off is still under way, right after that."""
        # Here, since it takes a moment that a cloud without machines need not wait for when it starts.
        from .machine import WindowsMachine
        from .world.player import WorldMachine

        with self._lock:
            loop = self._ensure_loop()
            before = self._machines.get(machine.instance_id)
            player: Player = (
                WorldMachine(machine, self._faults)
                if self._powershell
                else WindowsMachine(machine, self._faults, self._rates)
            )
            done = asyncio.run_coroutine_threadsafe(_play(player, before and before[1]), loop)
            self._machines[machine.instance_id] = (player, done)

    def stop(self, instance_id: str) -> None:
        """Power a machine off; `is_running` tells when nothing of it is left."""
        with self._lock:
            if (entry := self._machines.get(instance_id)) and self._loop is not None:
                self._loop.call_soon_threadsafe(entry[0].power_off)

    def is_running(self, instance_id: str) -> bool:
        """Whether anything of the machine still runs."""
        with self._lock:
            entry = self._machines.get(instance_id)
        return entry is not None and not entry[1].done()

    def is_ready(self, instance_id: str) -> bool:
        """Whether the machine is on and has done all that its user data asked for."""
        with self._lock:
            entry = self._machines.get(instance_id)
        return entry is not None and not entry[1].done() and entry[0].ready

    def run_command(self, instance_id: str, command: Command, done: Callable[[CommandOutcome], None]) -> str:
        """Let the machine's agent run a command; a reason where it cannot."""
        with self._lock:
            entry, loop = self._machines.get(instance_id), self._loop
        if entry is None or entry[1].done() or loop is None:
            return "The machine's agent is not online."
        return entry[0].run_command(command, done)

    def close(self) -> None:
        """Power everything off, wait for it, and end the thread."""
        with self._lock:
            loop, thread, entries = self._loop, self._thread, list(self._machines.values())
            self._loop = self._thread = None
            self._machines.clear()
        if loop is None or thread is None:
            return
        for player, done in entries:
            loop.call_soon_threadsafe(player.power_off)
            with contextlib.suppress(Exception):
                done.result(timeout=_CLOSE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=_CLOSE_SECONDS)
        loop.close()

    def _ensure_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # A daemon: a cloud that ends in a hurry must not hang on its machines.
            self._thread = threading.Thread(target=self._loop.run_forever, name="local-guests", daemon=True)
            self._thread.start()
        return self._loop


async def _play(player: Player, before: Future[None] | None) -> None:
    if before is not None:
        await asyncio.wait([asyncio.wrap_future(before)])
    try:
        await player.run()
    except Exception:
        log.exception("the local guest of %s broke down", player.instance_id)
        raise
