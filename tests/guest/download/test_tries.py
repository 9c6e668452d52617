"""How often a file is tried, and how long it is waited for: on a clock that passes only while the downloader waits."""

from __future__ import annotations

import errno
import hashlib
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from guest.download import downloader, watch
from guest.download.downloader import Downloader
from guest.download.limits import DownloadError, Limits, SourceError
from guest.download.task import RUNNING, WAITING, Task
from guest.download.watch import Watch

CONTENT = bytes(range(256)) * 4
LIMITS = Limits(pause=1, longest_pause=6, idle_rounds=4, offline_patience=60, disk_patience=30, disk_reserve=1000)


class Clock:
    """Seconds that were waited for, one after the other."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(downloader, "time", SimpleNamespace(monotonic=made.monotonic, sleep=made.sleep))
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


@pytest.fixture
def task(tmp_path: Path) -> Task:
    digest = hashlib.sha256(CONTENT).hexdigest()
    urls = ["https://one.test/a", "https://two.test/a"]
    return Task("a.bin", "model", tmp_path / "a.bin", urls, digest, len(CONTENT), len(CONTENT))


Gives = Callable[..., list[str]]


@pytest.fixture
def gives(monkeypatch: pytest.MonkeyPatch) -> Gives:
    """Set what the sources give, one after the other and the last for ever: bytes, which break off, or an error."""

    def set_up(*answers: bytes | Exception) -> list[str]:
        asked: list[str] = []

        def stream(url: str, part: Any, *_: Any) -> None:
            answer = answers[min(len(asked), len(answers) - 1)]
            asked.append(url)
            if isinstance(answer, Exception):
                raise answer
            part.givers.add(url)
            with part.appending() as out:
                out.write(answer)
            if part.task.done < len(CONTENT):
                raise SourceError("broke off")

        monkeypatch.setattr(downloader, "stream", stream)
        return asked

    return set_up


def fetch(task: Task) -> None:
    Downloader([task], LIMITS).fetch(task)


def test_each_source_is_asked_in_each_round_and_pauses_grow_to_their_limit(
    clock: Clock, task: Task, gives: Gives
) -> None:
    asked = gives(SourceError("HTTP 404"))
    with pytest.raises(DownloadError, match=r"a.bin: https://two.test/a: HTTP 404"):
        fetch(task)
    assert asked == task.urls * 4
    assert clock.waits == [2, 4, 6, 6]
    assert task.attempt == 8


def test_a_round_that_brought_something_is_no_idle_one(clock: Clock, task: Task, gives: Gives) -> None:
    piece = CONTENT[:16]
    trouble = SourceError("HTTP 500")
    # Three idle rounds of two sources each, then some bytes, and three idle rounds again: never four.
    asked = gives(*[trouble] * 6, piece, *[trouble] * 9, CONTENT[16:])
    fetch(task)
    assert task.path.read_bytes() == CONTENT
    assert len(asked) == 17
    assert clock.waits == [2, 4, 6, 2, 4, 6]


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_AGAIN, "no names yet"),
        *[
            OSError(number, "no way out")
            for number in (errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, 10050, 10051, 10065)
        ],
    ],
    ids=lambda error: str(error.errno),
)
def test_while_there_is_no_way_out_nothing_counts_until_that_took_too_long(
    clock: Clock, task: Task, gives: Gives, error: OSError
) -> None:
    gives(error)
    with pytest.raises(DownloadError):
        fetch(task)
    assert clock.waits == [1] * 60 + [2, 4, 6, 6]


def test_a_source_that_can_be_reached_makes_its_round_count(clock: Clock, task: Task, gives: Gives) -> None:
    gives(socket.gaierror(socket.EAI_AGAIN, "no names"), SourceError("HTTP 500"))
    with pytest.raises(DownloadError):
        fetch(task)
    assert clock.waits == [2, 4, 6, 6]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "no names"), "its name cannot be looked up (no names)"),
        (OSError(errno.ENOSPC, "No space left"), "the disk is full"),
        (OSError(errno.ECONNRESET, "reset by peer"), "reset by peer"),
        (ValueError(), "ValueError"),
    ],
    ids=["name", "disk", "reset", "wordless"],
)
def test_what_went_wrong_last_is_told(clock: Clock, task: Task, gives: Gives, error: Exception, told: str) -> None:
    gives(error)
    with pytest.raises(DownloadError) as failed:
        fetch(task)
    assert told in str(failed.value)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, task: Task) -> Callable[..., list[str]]:
    """Set what the sources answer that are asked for the hash: an error, or the hash and size."""
    task.sha256, task.size, task.by_hub = None, None, True

    def set_up(*answers: Exception | None) -> list[str]:
        asked: list[str] = []

        def name(url: str, *_: Any) -> tuple[str, int]:
            answer = answers[min(len(asked), len(answers) - 1)]
            asked.append(url)
            if answer is not None:
                raise answer
            return hashlib.sha256(CONTENT).hexdigest(), len(CONTENT)

        monkeypatch.setattr(downloader, "named_hash", name)
        return asked

    return set_up


def test_a_hash_that_nobody_names_is_asked_for_in_each_round(
    clock: Clock, task: Task, named: Callable[..., list[str]]
) -> None:
    asked = named(SourceError("names no hash"))
    with pytest.raises(DownloadError, match=r"a.bin: https://two.test/a: names no hash") as failed:
        fetch(task)
    assert asked == task.urls * 4
    assert clock.waits == [2, 4, 6, 6]
    assert "published nowhere" in failed.value.hint


@pytest.mark.parametrize(
    "error", [socket.gaierror(socket.EAI_AGAIN, "no names"), OSError(errno.ENETUNREACH, "no way out")]
)
def test_while_there_is_no_way_out_to_ask_for_a_hash_nothing_counts(
    clock: Clock, task: Task, named: Callable[..., list[str]], error: OSError
) -> None:
    named(error)
    with pytest.raises(DownloadError):
        fetch(task)
    assert clock.waits == [1] * 60 + [2, 4, 6, 6]


def test_a_hash_that_one_source_names_at_last_is_what_the_file_is_held_to(
    clock: Clock, task: Task, named: Callable[..., list[str]], gives: Gives, capsys: pytest.CaptureFixture[str]
) -> None:
    named(SourceError("names no hash"), OSError(errno.ECONNRESET, "reset"), None)
    gives(CONTENT)
    fetch(task)
    assert (clock.waits, task.error) == ([2], None)
    assert task.path.read_bytes() == CONTENT
    assert f"model a.bin: one.test names the hash {task.sha256}, to which it is held" in capsys.readouterr().out


def test_a_file_waits_for_room_and_says_how_much_is_missing(
    clock: Clock, task: Task, gives: Gives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.size = task.estimate = 4 * 10**9
    task.done = 10**9
    beside = Task("b.bin", "model", tmp_path / "b.bin", task.urls, "0" * 64, 3 * 10**9, 0, RUNNING, 10**9)
    free = [4 * 10**9]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    limits = Limits(pause=1, disk_patience=30, disk_reserve=10**9)
    made = Downloader([beside, task], limits)
    with pytest.raises(DownloadError, match=r"waits for room on the disk: 4.0 GB are free, 2.0 GB more are needed"):
        made._await_disk(task)
    assert clock.waits == [1] * 31
    assert (task.state, task.hint) == (WAITING, "Delete old runs, or take a larger chatglm:systemDiskGb.")
    free[0] = 6 * 10**9
    made._await_disk(task)
    assert (task.state, task.error, task.hint) == (RUNNING, None, "")


class Cut:
    """A request that remembers when it was cut."""

    def __init__(self) -> None:
        self.cuts = 0

    def cut(self) -> None:
        self.cuts += 1


def test_a_source_is_cut_off_when_a_whole_window_brought_too_little(clock: Clock, task: Task) -> None:
    made, request = Watch(Limits(slow_rate=10, slow_window=20)), Cut()
    task.done = 1000
    watched = watch._Watched(request, task, task.done, 0.0)  # type: ignore[arg-type]
    for until, done, cuts in [
        (19.0, 1000, 0),  # the window has not passed
        (20.0, 1200, 0),  # just enough: ten bytes a second
        (39.0, 1200, 0),  # counted anew from there
        (40.0, 1399, 1),  # one byte too little
        (60.0, 1599, 1),  # and enough again
        (90.0, 1898, 2),  # one too little over a longer window
    ]:
        clock.now, task.done = until, done
        made._look(watched)
        assert request.cuts == cuts, until


@pytest.mark.parametrize(
    ("size", "estimate", "known", "unknown"),
    [(700, 0, [700], [0, 699, 701]), (None, 1000, [100, 1000, 9999], [0, 99]), (None, 0, [1], [0])],
)
def test_a_size_that_a_file_can_have(
    task: Task, size: int | None, estimate: int, known: list[int], unknown: list[int]
) -> None:
    task.size, task.estimate = size, estimate
    assert all(task.is_known_size(one) for one in known)
    assert not any(task.is_known_size(one) for one in unknown)


def test_more_bytes_than_a_file_can_have(task: Task) -> None:
    assert (task.total, task.ceiling) == (len(CONTENT), len(CONTENT))
    task.size, task.estimate, task.done = None, 10**9, 5
    assert (task.total, task.ceiling) == (10**9, 4 * 10**9)
    task.estimate = 1
    assert (task.total, task.ceiling) == (5, 1 << 26)
