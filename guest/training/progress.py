"""Turns what upstream's process tells into progress: step, loss, rate, time left.

Steps, losses and failures are events that the trainer's own callback writes (`guest.training.hooks.events`). The log
is read for two things only: what goes on before the first event, and its last lines for a failure without one.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from guest.phrases import phrase

# The last losses shown; the whole history is in trainer_state.json of every checkpoint.
KEPT_LOSSES = 50
KEPT_LINES = 40
#: Steps over which the rate is taken: enough to level out a checkpoint's saving (every 50 steps by default).
RATE_STEPS = 60

# A bar of tqdm with a title: "Running tokenizer on train dataset:  35%|███▍   | 40000/114599 [00:20<00:37, ...". Bars
# without one are of the training, or of anything (`datasets` draws "100%|███| 1/1"); events tell it better.
_TITLED_BAR = re.compile(r"^\s*(?P<title>[A-Z][^|\r\n:]*?):\s*\d+%\|[^|]*\|\s*\d+/\d+\s*\[")
_BAR = re.compile(r"\d+%\|[^|]*\|\s*\d+/\d+\s*\[[^\]]*\]")


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
    hold_out: list[tuple[int, float]] = field(default_factory=list)
    best_step: int | None = None
    stopped_early: bool = False

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
            "holdOutLosses": [[step, _finite(loss)] for step, loss in self.hold_out],
            "bestStep": self.best_step,
            "stoppedEarly": self.stopped_early,
        }


@dataclass(frozen=True)
class Failure:
    """The exception with which upstream ended: its type, and the end of its traceback."""

    kind: str
    lines: list[str]


class EventReader:
    """Follows the events; `feed` takes text as it comes and returns the losses that are new in it."""

    def __init__(self, total: int | None = None, step: int = 0) -> None:
        self.progress = Progress(step=step, total=total)
        self.failure: Failure | None = None
        self._rest = ""
        #: (step, time) of this attempt's steps. The first is the end of its first step: before it lies the loading.
        self._steps: deque[tuple[int, float]] = deque(maxlen=RATE_STEPS)

    def feed(self, text: str) -> list[tuple[int, float]]:
        *lines, self._rest = (self._rest + text).split("\n")
        losses = []
        for line in lines:
            event = json.loads(line)
            getattr(self, f"_{event['event']}", _ignore)(event)
            if event["event"] == "loss":
                losses.append((int(event["step"]), float(event["loss"])))
        return losses

    def _begin(self, event: dict[str, Any]) -> None:
        self.progress.phase = "training"
        self.progress.step, self.progress.total = event["step"], event["total"]

    def _step(self, event: dict[str, Any]) -> None:
        self.progress.phase = "training"
        self._done(event["step"], event["at"])

    def _predict(self, event: dict[str, Any]) -> None:
        self.progress.phase = "predicting"
        self.progress.total = event["total"]
        self._done(event["step"], event["at"])

    def _done(self, step: int, at: float) -> None:
        progress = self.progress
        progress.step = step
        self._steps.append((step, at))
        (first, begun), (last, ended) = self._steps[0], self._steps[-1]
        if last == first:
            return
        rate = (ended - begun) / (last - first)
        progress.seconds_per_step = round(rate, 4)
        if progress.total is not None:
            progress.seconds_left = round(rate * (progress.total - step), 1)

    def _loss(self, event: dict[str, Any]) -> None:
        progress = self.progress
        progress.loss = float(event["loss"])
        progress.learning_rate = event.get("learning_rate", progress.learning_rate)
        progress.epoch = event.get("epoch", progress.epoch)
        progress.losses = [*progress.losses, (event["step"], progress.loss)][-KEPT_LOSSES:]

    def _hold_out(self, event: dict[str, Any]) -> None:
        progress = self.progress
        progress.hold_out = [*progress.hold_out, (event["step"], float(event["loss"]))][-KEPT_LOSSES:]
        progress.best_step = event["best"]
        progress.stopped_early = bool(event["stop"])

    def _failure(self, event: dict[str, Any]) -> None:
        self.failure = Failure(event["kind"], event["lines"])


class LogReader:
    """Follows the log: `phase` is what a titled bar says, `lines` the end without bars."""

    def __init__(self) -> None:
        self.phase: str | None = None
        self.lines: list[str] = []
        self._rest = ""

    def feed(self, text: str) -> None:
        pieces = re.split(r"[\r\n]+", self._rest + text)
        self._rest = pieces.pop()
        for piece in pieces:
            titled = _TITLED_BAR.match(piece)
            if titled:
                title = titled["title"].strip()
                self.phase = (
                    phrase("loading the model") if "shards" in title else phrase("preparing: {title}", title=title)
                )
            elif piece.strip() and not _BAR.search(piece):
                self.lines = [*self.lines, piece.rstrip()][-KEPT_LINES:]

    def end(self) -> None:
        """The log has ended: what has no line end is its last line."""
        self.feed("\n")


def _ignore(event: dict[str, Any]) -> None:  # noqa: ARG001 - such as "save", which nothing here needs
    return


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
