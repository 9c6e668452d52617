"""Fetches files with a pool of threads: from the next source when one fails, within what the disk has room for."""

from __future__ import annotations

import enum
import errno
import http.client
import shutil
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from guest.download.connection import tls_context
from guest.download.ledger import Ledger
from guest.download.limits import (
    DownloadError,
    Limits,
    RangeIgnoredError,
    SourceError,
    TooSlowError,
    WrongBytesError,
)
from guest.download.origins import Origins
from guest.download.part import Part
from guest.download.stream import stream
from guest.download.task import DONE, FAILED, RUNNING, WAITING, Task
from guest.download.vouching import named_hash
from guest.download.watch import Watch
from guest.phrases import joined, phrase, said

#: No way out of this machine yet; the numbers in the 10,000s are Windows'.
_OFFLINE = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, 10050, 10051, 10065})
_NETWORK_HINT = phrase(
    "Is the machine's way to the internet open? What has arrived is kept; sources can be set (docs)."
)
_NAMELESS_HINT = phrase(
    "Its hash is published nowhere: one of chatglm:modelSources must be the Hub, or a copy that names it."
)
_ROOM_HINT = phrase("Delete old runs, or take a larger chatglm:systemDiskGb.")


class _Outcome(enum.Enum):
    WHOLE = "whole"
    FAILED = "failed"
    OFFLINE = "offline"


class Downloader:
    """`ledger` remembers who gave what; without one nothing is remembered."""

    def __init__(self, tasks: list[Task], limits: Limits, ledger: Ledger | None = None) -> None:
        self.tasks, self.limits, self._ledger = tasks, limits, ledger
        self._origins = Origins()
        self._disk = threading.Lock()
        self._tls = tls_context()
        self._watch = Watch(limits)
        self._started = time.monotonic()

    def run(self) -> bool:
        """Fetch everything; True when all files are there."""
        wanted = [task for task in self.tasks if task.state != DONE]
        for task in sorted(filter(self._is_bulky, wanted), key=lambda task: task.total):
            self._origins.reserve(task.urls[0], task.id)
        with self._watch, ThreadPoolExecutor(self.limits.workers) as pool:
            return all(list(pool.map(self._guarded, wanted)))

    def _guarded(self, task: Task) -> bool:
        try:
            self.fetch(task)
        except DownloadError as error:
            task.state, task.error, task.hint = FAILED, said(error), error.hint
        except Exception as error:  # one file's trouble, whatever it is, must not end the others
            task.state, task.error = FAILED, f"{task.id}: {type(error).__name__}: {error}"
        finally:
            self._origins.release(task.id)
        return task.state == DONE

    def fetch(self, task: Task) -> None:
        """Fetch one file. Raises DownloadError when every source failed again and again without a new byte."""
        if task.by_hub and not task.sha256:
            self._learn_hash(task)
        part = self._part(task)
        if task.done and task.sha256 and part.is_right():
            part.place()
            self._conclude(task, None)
            return
        whole: set[str] = set()  # sources that ignore ranges
        wrong: set[str] = set()  # sources of wrong bytes
        idle = 0
        while idle < self.limits.idle_rounds:
            self._await_disk(task)
            before, outcomes = task.done, set()
            for url in self._origins.in_order([u for u in task.urls if u not in wrong]):
                if url in whole and task.done and len(whole) < len(task.urls):
                    continue
                outcome = self._from(url, part, whole, wrong)
                if outcome is _Outcome.WHOLE:
                    self._conclude(task, url)
                    return
                outcomes.add(outcome)
            if task.done > before:
                idle = 0
                continue
            if outcomes == {_Outcome.OFFLINE} and time.monotonic() < self._started + self.limits.offline_patience:
                time.sleep(self.limits.pause)
                continue
            idle += 1
            if len(wrong) == len(task.urls):
                if task.by_hub and self._ledger is not None:
                    self._ledger.forget_promise(task.id)
                raise DownloadError(phrase("{task_id}: every source gives wrong bytes", task_id=task.id), _NETWORK_HINT)
            if task.done and len(whole | wrong) >= len(task.urls):
                part.clear()  # nobody continues what is here
            self._pause(idle)
        raise DownloadError(_of(task.id, task.error or ""), _NETWORK_HINT)

    def _learn_hash(self, task: Task) -> None:
        """Ask the Hub, or a copy of it, for the file's hash. Raises DownloadError where nobody names it."""
        idle = 0
        while idle < self.limits.idle_rounds:
            offline = 0
            for url in task.urls:
                try:
                    task.sha256, task.size = named_hash(url, self.limits.timeout, self._tls)
                except socket.gaierror as error:
                    offline += 1
                    task.error = phrase(
                        "{url}: its name cannot be looked up ({reason})", url=url, reason=error.strerror
                    )
                except OSError as error:
                    task.error, offline = _of(url, error), offline + (error.errno in _OFFLINE)
                except (SourceError, http.client.HTTPException, ValueError) as error:
                    task.error = _of(url, said(error) or type(error).__name__)
                else:
                    task.error = None
                    self._tell_hash(task, url)
                    return
            if offline == len(task.urls) and time.monotonic() < self._started + self.limits.offline_patience:
                time.sleep(self.limits.pause)
                continue
            idle += 1
            self._pause(idle)
        raise DownloadError(_of(task.id, task.error or ""), _NAMELESS_HINT)

    def _tell_hash(self, task: Task, url: str) -> None:
        told = f"{task.step} {task.id}: {urlsplit(url).netloc} names the hash {task.sha256}, to which it is held"
        sys.stdout.write(f"{told}\n")
        if self._ledger is not None:
            self._ledger.promise(task, url)

    def _part(self, task: Task) -> Part:
        """The task's part; another program (a curl that just ends) may hold it for a while."""
        for idle in range(self.limits.idle_rounds):
            try:
                return Part(task)
            except PermissionError as error:
                task.error = phrase("{part} is held by another program: {error}", part=task.part, error=error)
                self._pause(idle)
        raise DownloadError(
            _of(task.id, task.error or ""), phrase("End the program that holds it, or restart the machine.")
        )

    def _pause(self, idle: int) -> None:
        time.sleep(min(self.limits.pause * 2**idle, self.limits.longest_pause))

    def _conclude(self, task: Task, source: str | None) -> None:
        task.source, task.error, task.hint, task.state = source, None, "", DONE
        if self._ledger is not None:
            self._ledger.note(task)

    def _from(self, url: str, part: Part, whole: set[str], wrong: set[str]) -> _Outcome:
        """Take what one source gives, going on after cuts as long as each try brings something."""
        task = part.task
        if not self._is_bulky(task):
            return self._take(url, part, whole, wrong)
        waits = phrase("waits until {host} has given one whole file", host=urlsplit(url).netloc)
        with self._origins.trial(url, task.id, lambda: _tell(task, waits)) as good:
            return self._take(url, part, whole, wrong) if good else _Outcome.FAILED

    def _take(self, url: str, part: Part, whole: set[str], wrong: set[str]) -> _Outcome:
        task = part.task
        if task.state == WAITING:
            task.state, task.error = RUNNING, None
        if part.alone and part.givers != {url}:
            part.clear()
        while True:
            before = task.done
            task.attempt += 1
            try:
                part.measure()
                stream(url, part, self.limits, self._tls, self._watch)
                return self._judge(url, part, wrong)
            except RangeIgnoredError as error:
                whole.add(url)
                task.error = _of(url, error)
                return _Outcome.FAILED
            except (TooSlowError, WrongBytesError) as error:
                self._origins.demote(url)
                task.error = _of(url, error)
                return _Outcome.FAILED
            except socket.gaierror as error:
                task.error = phrase("{url}: its name cannot be looked up ({reason})", url=url, reason=error.strerror)
                return _Outcome.OFFLINE
            except OSError as error:
                task.error = phrase("the disk is full") if error.errno == errno.ENOSPC else _of(url, error)
                if error.errno in _OFFLINE:
                    return _Outcome.OFFLINE
            except (SourceError, http.client.HTTPException, ValueError) as error:
                task.error = _of(url, said(error) or type(error).__name__)
            if task.done <= before:
                return _Outcome.FAILED

    def _judge(self, url: str, part: Part, wrong: set[str]) -> _Outcome:
        """Compare a file that has come whole with its hash, and learn about its source."""
        task = part.task
        if part.is_right():
            part.place()
            if url in part.givers and self._is_bulky(task):
                self._origins.prove(url)
            return _Outcome.WHOLE
        # Of several givers nobody knows which one was wrong.
        if part.givers == {url}:
            wrong.add(url)
            self._origins.demote(url)
        else:
            part.alone = True
        part.clear()
        task.state, task.error = RUNNING, phrase("{url}: wrong bytes", url=url)
        return _Outcome.FAILED

    def _is_bulky(self, task: Task) -> bool:
        return bool(task.sha256) and task.total >= self.limits.bulk

    def _await_disk(self, task: Task) -> None:
        """Do not start what would fill the disk: installers that are used up make room."""
        ends = time.monotonic() + self.limits.disk_patience
        while True:
            with self._disk:
                coming = sum(t.total - t.done for t in self.tasks if t.state == RUNNING and t is not task)
                free = shutil.disk_usage(task.path.parent).free
                if free - coming - (task.total - task.done) >= self.limits.disk_reserve:
                    if task.state == WAITING:
                        task.error, task.hint = None, ""
                    task.state = RUNNING
                    return
            needed = (task.total - task.done + coming + self.limits.disk_reserve - free) / 1e9
            _tell(
                task,
                phrase(
                    "waits for room on the disk: {free:.1f} GB are free, {needed:.1f} GB more are needed",
                    free=free / 1e9,
                    needed=needed,
                ),
            )
            task.hint = _ROOM_HINT
            if time.monotonic() > ends:
                raise DownloadError(_of(task.id, task.error or ""), _ROOM_HINT)
            time.sleep(self.limits.pause)


def _of(whose: str, what: str | BaseException) -> str:
    """ "ADDRESS: what it did", a sentence that can be worded in another language."""
    return joined(": ", [whose, said(what) if isinstance(what, BaseException) else what])


def _tell(task: Task, what: str) -> None:
    task.state, task.error = WAITING, what
