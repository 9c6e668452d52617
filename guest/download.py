"""Downloads the files of the manifest: several at a time, resumable, from the next source when one fails, checked.

What has arrived is kept in `PATH.part` and never fetched twice, unless it turns out to be wrong; a file gets its own
name once it is whole and checked. Progress goes to state/downloads.json.

    python -m guest.download ROOT [--skip N]
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import http.client
import json
import re
import shutil
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.training.files import write_json

#: No file is started that would leave less than this free on the disk, in bytes.
DISK_RESERVE = 8_000_000_000


@dataclass(frozen=True)
class Limits:
    """How patient the downloader is. Times in seconds, rates in bytes per second."""

    workers: int = 4
    timeout: float = 30
    slow_rate: float = 10_000
    slow_window: float = 60
    idle_rounds: int = 8
    pause: float = 2
    longest_pause: float = 60
    disk_reserve: int = DISK_RESERVE
    disk_patience: float = 1800


class SourceError(Exception):
    """This source does not give the file now; another one may."""


class RangeIgnoredError(SourceError):
    """The source sends the file from its start when asked for the rest."""


class TooSlowError(SourceError):
    """The source drips."""


class DownloadError(Exception):
    """No source gave the file."""


@dataclass
class Task:
    """One file, and how far it is."""

    id: str
    step: str
    path: Path
    urls: list[str]
    sha256: str | None
    size: int | None
    estimate: int
    state: str = "waiting"
    done: int = 0
    attempt: int = 0
    error: str | None = None

    @property
    def total(self) -> int:
        return self.size or max(self.estimate, self.done)

    def report(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "step": self.step,
            "state": self.state,
            "bytes": self.done,
            "totalBytes": self.total,
            "attempt": self.attempt,
            "error": self.error,
        }


class Report:
    """Writes how far all files are to state/downloads.json, once a second and at the end."""

    def __init__(self, path: Path, tasks: list[Task]) -> None:
        self.path, self.tasks = path, tasks
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Report:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.write()

    def _run(self) -> None:
        while not self._ended.wait(1):
            self.write()

    def write(self) -> None:
        write_json(self.path, {"files": [task.report() for task in self.tasks]})


class Part:
    """The part of a file that has arrived, with its running hash."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.path = task.path.with_name(task.path.name + ".part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()
        self.hash = hashlib.sha256()
        self.givers: set[str] = set()
        # Each source must give the whole file: nobody could tell a mixture, or one has turned out wrong.
        self.alone = not task.sha256
        with self.path.open("rb") as stream:
            while block := stream.read(1 << 20):
                self.hash.update(block)
        task.done = self.path.stat().st_size
        if task.done:
            self.givers.add("an earlier run")
        if (task.size and task.done > task.size) or self.alone:
            self.clear()

    def clear(self) -> None:
        self.path.write_bytes(b"")
        self.hash = hashlib.sha256()
        self.givers = set()
        self.task.done = 0

    def finish(self) -> bool:
        """Move the whole file to its place; False when it is a wrong one, which is then thrown away."""
        task = self.task
        wrong_size = task.size is not None and task.done != task.size
        # An error page is small; a file of unknown size must at least be in the range of its estimate.
        too_small = task.size is None and task.done < task.estimate // 10
        if wrong_size or too_small or (task.sha256 and self.hash.hexdigest() != task.sha256):
            self.clear()
            return False
        self.path.replace(task.path)
        return True


def tls_context() -> ssl.SSLContext:
    """Windows fetches rarer root certificates only when its own programs ask, so pip's bundle is added."""
    context = ssl.create_default_context()
    try:
        from pip._vendor import certifi

        context.load_verify_locations(certifi.where())
    except (ImportError, OSError):
        pass
    return context


class Downloader:
    """Fetches tasks with a pool of threads."""

    def __init__(self, tasks: list[Task], limits: Limits) -> None:
        self.tasks, self.limits = tasks, limits
        self._disk = threading.Lock()
        # No proxies: a machine in the cloud has none, and a rehearsal's proxy leads to the local cloud.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls_context())
        )

    def run(self) -> bool:
        """Fetch everything; True when all files are there."""
        with ThreadPoolExecutor(self.limits.workers) as pool:
            return all(list(pool.map(self._guarded, [t for t in self.tasks if t.state != "done"])))

    def _guarded(self, task: Task) -> bool:
        try:
            self.fetch(task)
        except (DownloadError, OSError) as error:
            task.state, task.error = "failed", str(error)
        return task.state == "done"

    def fetch(self, task: Task) -> None:
        """Fetch one file. Raises DownloadError when every source failed again and again without a new byte."""
        part = Part(task)
        if task.done and part.hash.hexdigest() == task.sha256 and part.finish():
            task.state = "done"
            return
        whole: set[str] = set()  # sources that ignore ranges
        wrong: set[str] = set()  # sources of wrong bytes
        idle = 0
        while idle < self.limits.idle_rounds:
            self._await_disk(task)
            task.state = "running"
            before = task.done
            for url in [u for u in task.urls if u not in wrong]:
                if url in whole and task.done and len(whole) < len(task.urls):
                    continue
                if self._from(url, part, whole, wrong):
                    task.state, task.error = "done", None
                    return
            if task.done > before:
                idle = 0
                continue
            idle += 1
            if len(wrong) == len(task.urls):
                raise DownloadError(f"{task.id}: every source gives wrong bytes")
            if task.done and len(whole | wrong) >= len(task.urls):
                part.clear()  # nobody continues what is here
            time.sleep(min(self.limits.pause * 2**idle, self.limits.longest_pause))
        raise DownloadError(f"{task.id}: {task.error}")

    def _from(self, url: str, part: Part, whole: set[str], wrong: set[str]) -> bool:
        """Take what one source gives, going on after cuts as long as each try brings something; True when done."""
        task = part.task
        if part.alone:
            part.clear()
        while True:
            before = task.done
            task.attempt += 1
            try:
                self._stream(url, part)
            except (RangeIgnoredError, TooSlowError) as error:
                if isinstance(error, RangeIgnoredError):
                    whole.add(url)
                task.error = f"{url}: {error}"
                return False
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                task.error = f"{url}: {error}"
            except (SourceError, http.client.HTTPException) as error:
                task.error = f"{url}: {error!s}"
            else:
                givers = part.givers
                if part.finish():
                    return True
                # Of several givers nobody knows which one was wrong.
                if givers == {url}:
                    wrong.add(url)
                else:
                    part.alone = True
                task.error = f"{url}: wrong bytes"
                return False
            if task.size is not None and task.done == task.size:
                continue  # cut after the last byte: the next request is not made, only the hash is compared
            if task.done <= before:
                return False

    def _stream(self, url: str, part: Part) -> None:
        task, start = part.task, part.task.done
        if task.size is not None and start == task.size:
            return
        headers = {"User-Agent": "chatglm-bootstrap", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 - the manifest holds https addresses
        try:
            response = self._opener.open(request, timeout=self.limits.timeout)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416 and task.size is None:
                part.clear()  # longer than what the source has: a mix of two versions
            raise SourceError(f"HTTP {error.code}") from None
        with response:
            total = self._check(response, start, task)
            self._copy(url, response, part, total)

    def _check(self, response: Any, start: int, task: Task) -> int | None:
        """Refuse before reading what cannot be the rest of this file; the file's total size if it is told."""
        length = response.headers.get("Content-Length")
        if start and response.status != 206:
            raise RangeIgnoredError("does not continue a broken download")
        total = int(length) if length else None
        if response.status == 206:
            told = re.match(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
            if not told or int(told[1]) != start:
                raise SourceError("answers with another range")
            total = int(told[2])
        if task.size is not None and total not in (None, task.size):
            raise SourceError(f"has a file of {total} bytes instead of {task.size}")
        return total

    def _copy(self, url: str, response: Any, part: Part, total: int | None) -> None:
        task, limits = part.task, self.limits
        since, base = time.monotonic(), task.done
        with part.path.open("ab") as out:
            while total is None or task.done < total:
                block = response.read1(1 << 18)
                if not block:
                    break
                block = block[: total - task.done] if total else block
                out.write(block)
                part.givers.add(url)
                part.hash.update(block)
                task.done += len(block)
                now = time.monotonic()
                if now - since > limits.slow_window:
                    if task.done - base < limits.slow_rate * (now - since):
                        raise TooSlowError("is too slow")
                    since, base = now, task.done
        if total is not None and task.done < total:
            raise SourceError(f"broke off at {task.done} of {total} bytes")

    def _await_disk(self, task: Task) -> None:
        """Do not start what would fill the disk: installers that are used up make room."""
        ends = time.monotonic() + self.limits.disk_patience
        while True:
            with self._disk:
                coming = sum(t.total - t.done for t in self.tasks if t.state == "running" and t is not task)
                free = shutil.disk_usage(task.path.parent).free
                if free - coming - (task.total - task.done) >= self.limits.disk_reserve:
                    task.state = "running"
                    return
            task.state = "waiting"
            task.error = f"waits for room on the disk: {(free - coming) / 1e9:.1f} GB are free"
            if time.monotonic() > ends:
                raise DownloadError(f"{task.id}: {task.error}")
            time.sleep(self.limits.pause)


def plan(root: Path, skip: int = 0) -> list[Task]:
    """The files that are still wanted: not those of finished steps, and whole ones only as done.

    `skip` passes over so many sources of each file without a hash: the machine found their signature wrong.
    """
    manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    keys = {step["name"]: step["key"] for step in manifest["steps"]}
    tasks = []
    for row in manifest["files"]:
        marker = root / "state" / "done" / row["step"]
        if marker.exists() and marker.read_text(encoding="ascii") == keys[row["step"]]:
            continue
        urls = [url.replace("{file}", row["id"]) for url in row["urls"]]
        first = 0 if row["sha256"] else skip % len(urls)
        urls = urls[first:] + urls[:first]
        size, path = row["bytes"], Path(row["path"].replace("{file}", row["id"]))
        task = Task(row["id"], row["step"], path, urls, row["sha256"], size, row.get("estimate") or size or 0)
        if path.exists() and not marker.exists():
            # Only what was checked gets its final name.
            task.state, task.done = "done", path.stat().st_size
        elif path.exists():
            # Left from other settings: checked as if it had just arrived.
            path.replace(path.with_name(path.name + ".part"))
        tasks.append(task)
    return tasks


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("--skip", type=int, default=0)
    options = parser.parse_args()
    (options.root / "state").mkdir(parents=True, exist_ok=True)
    tasks = plan(options.root, options.skip)
    with Report(options.root / "state" / "downloads.json", tasks):
        return 0 if Downloader(tasks, Limits()).run() else 1


if __name__ == "__main__":
    sys.exit(main())
