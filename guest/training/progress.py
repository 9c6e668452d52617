"""Turns what upstream prints into progress: step, loss, rate, time left.

The trainer prints a progress bar (tqdm, redrawn with carriage returns) and, every `logging_steps`, a Python dictionary
such as `{'loss': 3.9031, 'learning_rate': 0.0199, 'epoch': 0.02}` (transformers 4.27.1 `ProgressCallback`).
"""

from __future__ import annotations

import math
import re
import subprocess
from dataclasses import dataclass, field
from typing import Any

# The last losses shown; the whole history is in trainer_state.json of every checkpoint.
KEPT_LOSSES = 50
KEPT_LINES = 40

_BAR = re.compile(
    r"(?:(?P<title>[^|\r\n]*?):\s*)?\d+%\|[^|]*\|\s*(?P<done>\d+)/(?P<total>\d+)"
    r"\s*\[(?P<spent>[\d:]+)<(?P<left>[\d:?]+)(?:,\s*(?P<rate>[\d.]+|\?)\s*(?P<unit>s/[^\]\s]*|[^\]\s/]*/s))?[^\]]*\]"
)
_PAIR = re.compile(r"'(\w+)':\s*([^,}]+)")
_PHASES = (
    ("*** Predict ***", "predicting"),
    ("***** Running training *****", "training"),
    ("Loading checkpoint shards", "loading the model"),
)


@dataclass
class Progress:
    """What is known of a run right now. Times are seconds; `losses` are (step, loss) pairs, oldest first."""

    phase: str = "starting"
    step: int = 0
    total: int | None = None
    loss: float | None = None
    learning_rate: float | None = None
    epoch: float | None = None
    seconds_per_step: float | None = None
    seconds_left: float | None = None
    losses: list[tuple[int, float]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "phase": self.phase,
            "step": self.step,
            "total": self.total,
            "percent": round(100 * self.step / self.total, 1) if self.total else None,
            # JSON has no NaN.
            "loss": _finite(self.loss),
            "learningRate": _finite(self.learning_rate),
            "epoch": _finite(self.epoch),
            "secondsPerStep": self.seconds_per_step,
            "secondsLeft": self.seconds_left,
            "losses": [[step, _finite(loss)] for step, loss in self.losses],
        }


class LogReader:
    """Follows a log; `feed` takes text as it comes and returns the losses that are new in it."""

    def __init__(self, total: int | None = None) -> None:
        self.progress = Progress(total=total)
        # The end of the log without redrawn bars, for diagnosis.
        self.lines: list[str] = []
        self._rest = ""

    def feed(self, text: str) -> list[tuple[int, float]]:
        pieces = re.split(r"[\r\n]+", self._rest + text)
        self._rest = pieces.pop()
        # A bar is redrawn without a line end after it; waiting for the next one would show every step late.
        if _BAR.search(self._rest):
            pieces.append(self._rest)
            self._rest = ""
        before = len(self.progress.losses)
        new: list[tuple[int, float]] = []
        for piece in pieces:
            self._line(piece)
            new += self.progress.losses[before:]
            del self.progress.losses[:-KEPT_LOSSES]
            before = len(self.progress.losses)
        return new

    def _line(self, line: str) -> None:
        bar = _BAR.search(line)
        if bar is not None:
            self._bar(bar)
        elif line.strip():
            self.lines = [*self.lines, line.rstrip()][-KEPT_LINES:]
        for mark, phase in _PHASES:
            if mark in line:
                self.progress.phase = phase
        if "'loss':" in line and "{" in line:
            self._losses(line[line.index("{") :])

    def _bar(self, bar: re.Match[str]) -> None:
        progress, title, total = self.progress, (bar["title"] or "").strip(), int(bar["total"])
        if title:
            # "Running tokenizer on train dataset: 35%|..." and the like are steps of the way, not of the training.
            progress.phase = "loading the model" if "shards" in title else f"preparing: {title}"
            return
        if progress.phase != "predicting":
            progress.phase = "training"
        progress.step, progress.total = int(bar["done"]), total
        progress.seconds_per_step = _seconds_per_step(bar["rate"], bar["unit"])
        if progress.seconds_per_step is not None:
            progress.seconds_left = round(progress.seconds_per_step * (total - progress.step), 1)

    def _losses(self, text: str) -> None:
        values = {name: _number(value) for name, value in _PAIR.findall(text)}
        progress = self.progress
        progress.loss = values.get("loss")
        progress.learning_rate = values.get("learning_rate", progress.learning_rate)
        progress.epoch = values.get("epoch", progress.epoch)
        if progress.loss is not None:
            progress.losses.append((progress.step, progress.loss))


def gpu_memory() -> dict[str, int] | None:
    """Used and total memory (bytes) and use (percent) of the first GPU, by nvidia-smi; None where there is none."""
    query = ["nvidia-smi", "--query-gpu=memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, check=True, timeout=5)
        used, total, use = (int(float(cell)) for cell in done.stdout.decode("ascii").splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return {"usedBytes": used * 1024**2, "totalBytes": total * 1024**2, "percent": use}


def _seconds_per_step(rate: str | None, unit: str | None) -> float | None:
    if rate is None or rate == "?" or unit is None:
        return None
    value = float(rate)
    if unit.endswith("/s"):
        return round(1 / value, 4) if value else None
    return value


def _number(text: str) -> float | None:
    try:
        return float(text.strip().strip("'"))
    except ValueError:
        return None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
