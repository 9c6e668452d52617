"""What the files have taught about their sources: which have the right ones, which a wrong one.

An older revision of the model has weights of the same names and sizes. One whole file with the right hash proves a
source; one wrong hash, or dripping, puts it last for all files. Of large files only one is fetched from a source that
has proved nothing yet: the others wait for what it shows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class Origins:
    """Knowledge of sources by their host, shared by the threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._proven: set[str] = set()
        self._demoted: set[str] = set()
        self._tried: dict[str, str] = {}

    def in_order(self, urls: list[str]) -> list[str]:
        """The addresses as given, those of demoted sources behind the others."""
        with self._changed:
            return sorted(urls, key=lambda url: _origin(url) in self._demoted)

    def prove(self, url: str) -> None:
        with self._changed:
            self._proven.add(_origin(url))
            self._changed.notify_all()

    def demote(self, url: str) -> None:
        with self._changed:
            self._demoted.add(_origin(url))
            self._changed.notify_all()

    def reserve(self, url: str, file: str) -> None:
        """The file is the one that will try this source, unless another one is already."""
        with self._changed:
            self._tried.setdefault(_origin(url), file)

    def release(self, file: str) -> None:
        """The file tries no source any longer."""
        with self._changed:
            self._tried = {origin: who for origin, who in self._tried.items() if who != file}
            self._changed.notify_all()

    @contextmanager
    def trial(self, url: str, file: str, told: Callable[[], None]) -> Iterator[bool]:
        """Fetch a large file from the source: alone, as long as it has neither proved itself nor failed.

        Waits while another one is on trial, and calls `told` meanwhile; False when the source was demoted by then.
        """
        origin = _origin(url)
        with self._changed:
            waited = False
            while not self._is_known(origin) and self._tried.get(origin, file) != file:
                told()
                waited = True
                self._changed.wait()
            if origin not in self._proven:
                self._tried.setdefault(origin, file)
            still_good = not (waited and origin in self._demoted)
        try:
            yield still_good
        finally:
            with self._changed:
                if self._tried.get(origin) == file:
                    del self._tried[origin]
                self._changed.notify_all()

    def _is_known(self, origin: str) -> bool:
        return origin in self._proven or origin in self._demoted


def _origin(url: str) -> str:
    return urlsplit(url).netloc
