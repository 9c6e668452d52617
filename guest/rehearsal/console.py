"""Prints as upstream does: log lines, and bars of tqdm's form that are redrawn on stderr."""

from __future__ import annotations

import sys
import time

_WIDTH = 10
#: tqdm's weight of the newest update in its moving average (tqdm 4.66 `smoothing`).
_SMOOTHING = 0.3


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def log(text: str) -> None:
    """A line of main.py's own logger. The trainer's INFO lines are never printed: its logger is not set up."""
    say(time.strftime("%m/%d/%Y %H:%M:%S") + f" - INFO - __main__ - {text}")


def inform(module: str, text: str) -> None:
    """A line of the library's logger, as upstream sets it up."""
    sys.stderr.write(f"[INFO|{module}] {time.strftime('%Y-%m-%d %H:%M:%S')},000 >> {text}\n")
    sys.stderr.flush()


class Bar:
    """A bar in the form of tqdm's; a title stands before it where it has one.

    Like tqdm it takes every update for work done just now: the steps that a resumed run had done before make its rate
    far too high for some thirty updates (tqdm 4.66 `EMA`).
    """

    def __init__(self, total: int, title: str = "") -> None:
        self._total = total
        self._title = f"{title}: " if title else ""
        self._done = 0
        self._started = self._last = time.monotonic()
        self._steps = self._seconds = 0.0
        self.draw()

    def update(self, steps: int = 1) -> None:
        now = time.monotonic()
        self._steps = _SMOOTHING * steps + (1 - _SMOOTHING) * self._steps
        self._seconds = _SMOOTHING * (now - self._last) + (1 - _SMOOTHING) * self._seconds
        self._last, self._done = now, self._done + steps
        self.draw()

    def draw(self) -> None:
        spent = time.monotonic() - self._started
        rate = self._steps / self._seconds if self._seconds else None
        left = _clock((self._total - self._done) / rate) if rate else "?"
        share = self._done / self._total
        speed = "?it/s" if rate is None else f"{rate:.2f}it/s" if rate >= 1 else f"{1 / rate:.2f}s/it"
        blocks = "█" * int(share * _WIDTH)
        sys.stderr.write(
            f"\r{self._title}{share:4.0%}|{blocks:<{_WIDTH}}| {self._done}/{self._total} "
            f"[{_clock(spent)}<{left}, {speed}]"
        )
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"
