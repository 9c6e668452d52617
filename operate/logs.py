"""Logs of the machine: of a step, of the demo, of a training; once, or followed."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import PureWindowsPath

from guest.paths import ROOT
from operate.channel import Channel
from operate.errors import ExitCode, OperateError
from words import phrase

POLL_SECONDS = 2.0
#: What is shown of a training's log at first; upstream redraws its bar in it many thousand times.
TAIL_BYTES = 16 * 1024
_PIECE_BYTES = 1024 * 1024


def read_log(
    channel: Channel, name: str, lines: int, *, follow: bool, wait: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Lines of the log of a step, of "demo" or of "bootstrap"; with `follow`, new ones as they come, for ever."""
    seen: list[str] = []
    while True:
        now = [str(line) for line in channel.ask("log", {"step": name, "lines": lines})["lines"]]
        yield from new_lines(seen, now)
        seen = now
        if not follow:
            return
        wait(POLL_SECONDS)


def new_lines(before: list[str], now: list[str]) -> list[str]:
    """What has been added to the end of a log of which only the last lines are seen each time."""
    for start in range(len(before) + 1):
        kept = before[start:]
        if now[: len(kept)] == kept:
            return now[len(kept) :]
    return now


def read_training_log(
    channel: Channel, run: str | None, *, follow: bool, wait: Callable[[float], None] = time.sleep
) -> Iterator[str]:
    """Lines of a run's log: of the named one, else of the one that runs, else of the newest."""
    path = str(PureWindowsPath(ROOT) / "runs" / (run or newest_run(channel)) / "train.log")
    offset, rest = -TAIL_BYTES, ""
    while True:
        piece = channel.ask("read", {"path": path, "offset": offset, "bytes": _PIECE_BYTES})
        data = base64.b64decode(piece["data"])
        offset = piece["offset"] + len(data)
        # A piece may end within a character; the few bytes of it are shown as a mark, once.
        *lines, rest = (rest + data.decode("utf-8", errors="replace")).replace("\r\n", "\n").split("\n")
        yield from (drawn for line in lines if (drawn := last_drawn(line)))
        if len(data) == _PIECE_BYTES:
            continue
        if not follow:
            if drawn := last_drawn(rest):
                yield drawn
            return
        wait(POLL_SECONDS)


def last_drawn(line: str) -> str:
    """A progress bar redraws its line after carriage returns; the last drawing counts."""
    return line.rstrip("\r").rpartition("\r")[2].rstrip()


def newest_run(channel: Channel) -> str:
    """The run that trains now, else the one that was created last. Raises OperateError where there is none."""
    answer = channel.ask("progress")
    if answer.get("running"):
        return str(answer["running"])
    runs = channel.ask("runs")["runs"]
    if not runs:
        raise OperateError(
            phrase("There are no runs on the machine."), phrase("Start one: chatglm train DATASET."), ExitCode.BAD_INPUT
        )
    return str(max(runs, key=lambda run: run["created"])["run"])
