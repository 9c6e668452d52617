"""The folders that stand for disks and snapshots, copied in the background, one after the other."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

log = logging.getLogger(__name__)

# A guest gets this many real seconds to end before its disk is copied or removed all the same.
POWER_OFF_SECONDS = 60.0

#: On a disk: its own time of change is that of the last flush of everything (guest/rehearsal/volume.py). A disk without
#: it, on which nothing was ever powered on, loses nothing.
FLUSHED = Path("local-guest", "flushed")


class Drives:
    """DATA/disks/<disk-id>/ and DATA/snapshots/<snapshot-id>/.

    A copy is made beside its final place and renamed, so a folder is whole or absent. All work is done by one
    thread in the order it was asked for: a removal never overtakes a copy.
    """

    def __init__(self, data: Path, is_running: Callable[[str], bool]) -> None:
        self._disks = data / "disks"
        self._snapshots = data / "snapshots"
        self._is_running = is_running
        for folder in (self._disks, self._snapshots):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="drives")

    def disk(self, disk_id: str) -> Path:
        return self._disks / disk_id

    def snapshot(self, snapshot_id: str) -> Path:
        return self._snapshots / snapshot_id

    def fill_disk(self, disk_id: str, snapshot_id: str, done: Callable[[], None]) -> None:
        """Make a disk's folder: a copy of the snapshot's, or empty where there is none (public images)."""
        self._work(lambda: _copy(self.snapshot(snapshot_id) if snapshot_id else None, self.disk(disk_id)), done)

    def fill_snapshot(
        self, snapshot_id: str, disk_id: str, instance_id: str, done: Callable[[], None], online: bool = False
    ) -> None:
        """Copy a disk's folder; first wait until the guest of `instance_id` (if any) has ended.

        `online`: its guest goes on, and what was changed since the last flush is lost.
        """

        def work() -> None:
            self._wait_for_power_off(instance_id)
            _copy(self.disk(disk_id), self.snapshot(snapshot_id), online=online)

        self._work(work, done)

    def roll_back(self, disk_id: str, snapshot_id: str, instance_id: str, done: Callable[[], None]) -> None:
        """Replace a disk's folder by a copy of the snapshot's, or by an empty one."""

        def work() -> None:
            self._wait_for_power_off(instance_id)
            _remove(self.disk(disk_id))
            _copy(self.snapshot(snapshot_id) if snapshot_id else None, self.disk(disk_id))

        self._work(work, done)

    def remove_disk(self, disk_id: str, instance_id: str = "") -> None:
        def work() -> None:
            self._wait_for_power_off(instance_id)
            _remove(self.disk(disk_id))

        self._work(work)

    def remove_snapshot(self, snapshot_id: str) -> None:
        self._work(lambda: _remove(self.snapshot(snapshot_id)))

    def remove_strangers(self, known: set[str]) -> None:
        """Remove folders that belong to no record: left by a process that was killed."""
        for parent in (self._disks, self._snapshots):
            for folder in parent.iterdir():
                if folder.name not in known:
                    _remove(folder)

    def settle(self) -> None:
        """Wait until everything asked for so far is done."""
        self._worker.submit(lambda: None).result()

    def close(self) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _work(self, work: Callable[[], None], done: Callable[[], None] | None = None) -> None:
        def finish(future: Future[None]) -> None:
            if not future.cancelled() and future.exception() is not None:
                # The record stays unfinished, and the next start of the cloud tries again.
                log.error("copying a folder failed: %s", future.exception())

        def both() -> None:
            work()
            if done is not None:
                done()

        self._worker.submit(both).add_done_callback(finish)

    def _wait_for_power_off(self, instance_id: str) -> None:
        end = time.monotonic() + POWER_OFF_SECONDS
        while instance_id and self._is_running(instance_id):
            if time.monotonic() > end:
                log.warning("the guest of %s has not ended; going on without it", instance_id)
                return
            time.sleep(0.02)


def _copy(source: Path | None, target: Path, *, online: bool = False) -> None:
    if target.exists():
        return
    part = target.with_name(target.name + ".part")
    _remove(part)
    if source is not None and source.is_dir():
        if online:
            _copy_online(source, part)
        else:
            shutil.copytree(source, part, symlinks=True)
    else:
        part.mkdir(mode=0o700)
    part.rename(target)


def _copy_online(source: Path, target: Path) -> None:
    """Copy a disk that is being written to. What was not flushed is zeros, as after a power cut (NTFS)."""
    mark = source / FLUSHED
    flushed = mark.stat().st_mtime_ns if mark.is_file() else None
    own = source / FLUSHED.parent

    def copy(one: str, other: str) -> None:
        # A file that vanishes meanwhile was not there.
        with contextlib.suppress(FileNotFoundError):
            seen = os.lstat(one)
            if not stat.S_ISREG(seen.st_mode):
                return
            changed = max(seen.st_mtime_ns, seen.st_ctime_ns)
            if flushed is not None and changed > flushed and own not in Path(one).parents:
                Path(other).write_bytes(b"\0" * seen.st_size)
            else:
                shutil.copy2(one, other)

    with contextlib.suppress(shutil.Error):  # a folder that vanishes meanwhile
        shutil.copytree(source, target, symlinks=True, copy_function=copy)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
