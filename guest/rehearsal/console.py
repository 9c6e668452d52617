"""Prints as upstream does: a log line, a metrics table, a progress bar that is redrawn on stderr."""

from __future__ import annotations

import sys
import time

_WIDTH = 10


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def log(text: str) -> None:
    say(time.strftime("%m/%d/%Y %H:%M:%S") + f" - INFO - rehearsal - {text}")


class Bar:
    """A bar in the form of tqdm's; a title stands before it where it has one."""

    def __init__(self, total: int, title: str = "", done: int = 0) -> None:
        self._total = total
        self._title = f"{title}: " if title else ""
        self._first = done
        self._started = time.monotonic()

    def draw(self, done: int) -> None:
        spent = time.monotonic() - self._started
        fresh = done - self._first
        rate = fresh / spent if spent and fresh else None
        left = _clock((self._total - done) / rate) if rate else "?"
        share = done / self._total
        speed = "?it/s" if rate is None else f"{rate:.2f}it/s" if rate >= 1 else f"{1 / rate:.2f}s/it"
        blocks = "█" * int(share * _WIDTH)
        sys.stderr.write(
            f"\r{self._title}{share:4.0%}|{blocks:<{_WIDTH}}| {done}/{self._total} [{_clock(spent)}<{left}, {speed}]"
        )
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
