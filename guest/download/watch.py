"""Ends requests that bring too little, whatever they are busy with: bodies, headers without end, a stalled handshake.

A limit on each single read does not: a server can send a byte every few seconds for ever.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from guest.download.connection import Request
from guest.download.limits import Limits
from guest.download.task import Task


@dataclass(eq=False)
class _Watched:
    request: Request
    task: Task
    base: int
    since: float = field(default_factory=time.monotonic)


class Watch:
    """A thread that looks at all requests now and then."""

    def __init__(self, limits: Limits) -> None:
        self._rate, self._window = limits.slow_rate, limits.slow_window
        self._watched: set[_Watched] = set()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @contextmanager
    def over(self, request: Request, task: Task) -> Iterator[None]:
        """Watch over a request that brings bytes of a task."""
        watched = _Watched(request, task, task.done)
        with self._lock:
            self._watched.add(watched)
        try:
            yield
        finally:
            with self._lock:
                self._watched.discard(watched)

    def _run(self) -> None:
        while not self._ended.wait(min(1.0, self._window / 4)):
            with self._lock:
                watched = list(self._watched)
            for one in watched:
                self._look(one)

    def _look(self, one: _Watched) -> None:
        now = time.monotonic()
        if now - one.since < self._window:
            return
        if one.task.done - one.base < self._rate * (now - one.since):
            one.request.cut()
        one.since, one.base = now, one.task.done
