"""Plays a machine's bootstrap: moves the installation on the cloud's clock and keeps its files on the machine's disk.

The files are those of the machine's own scripts (status, logs, marks of finished steps, inbox), so whoever reads them
finds what the real ones would show. They lie on the disk: an image of the disk holds them, and a machine restored from
it finds its steps done.
"""

from __future__ import annotations

import asyncio
import datetime
import hashlib
import json
import math
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path, PurePosixPath

from localcloud.clock import Clock

from .faults import FaultKind, FaultQueue
from .installation import Installation, Installed, StepError, StepState
from .manifest import Manifest, read_manifest
from .rates import Rates
from .status import status_document, write_status
from .waiting import LONGEST_WAIT

MANIFEST = "manifest.json"
SECOND_STAGE = "stage2.zip"
_FIRST_STAGE_RECORD = "first-stage.json"
_PARTIAL_RECORD = "downloads.json"
_MAX_UNPACKED_BYTES = 64 * 1024 * 1024

OnStepDone = Callable[[str], Awaitable[None]]


class StepFailedError(Exception):
    """What a step does for real went wrong: message, hint, and the end of the log."""

    def __init__(self, message: str, hint: str, log_tail: str) -> None:
        super().__init__(message)
        self.error = StepError(message, hint, log_tail)


class RebootWanted(Exception):  # noqa: N818 - not an error, a wish
    """The machine restarts now, to finish a step."""


def write_first_stage(files: dict[str, bytes], root: Path, own: Path) -> None:
    """Put the files of the user data on the disk, and remember which steps came with them."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    steps = sorted(PurePosixPath(name).stem for name in files if name.startswith("steps/"))
    own.mkdir(parents=True, exist_ok=True)
    (own / _FIRST_STAGE_RECORD).write_text(json.dumps({"steps": steps}), encoding="utf-8")


class Bootstrap:
    """The start-up task of one machine.

    `root` is the machine's project folder, `own` the local guest's folder on the same disk.
    """

    def __init__(self, instance_id: str, root: Path, own: Path, clock: Clock, faults: FaultQueue, rates: Rates) -> None:
        """Raises ValueError when the manifest on the disk is not of the known form."""
        self._instance_id = instance_id
        self._root = root
        self._own = own
        self._state = root / "state"
        self._clock = clock
        self._faults = faults
        self._changed = asyncio.Event()
        self._damage = 0
        self._second_stage_trouble = ""
        self._states: dict[str, StepState] = {}
        self.manifest: Manifest = read_manifest((root / MANIFEST).read_text(encoding="utf-8"))
        installed = self._read_installed()
        self._done_before = installed.steps
        self._installation = Installation(self.manifest, _first_stage(root, own), installed, rates)

    @property
    def finished(self) -> bool:
        """Whether everything is installed and up."""
        return self._installation.finished

    def is_done(self, step: str) -> bool:
        """Whether a step is done in this start of the machine."""
        found = self._installation.step(step)
        return found is not None and found.state is StepState.DONE

    def was_done(self, step: str) -> bool:
        """Whether an earlier start has finished the step as the manifest wants it now."""
        return step in self._done_before

    def notice(self) -> None:
        """Something on the disk may have changed; look at it now."""
        self._changed.set()

    def retry(self) -> None:
        """Start again what gave up; nothing happens while it still runs."""
        if self._installation.failed is not None:
            self._installation.retry()
            self.notice()

    async def play(self, on_step_done: OnStepDone) -> None:
        """Go on until everything is installed. Raises RebootWanted when the machine must restart for that.

        `on_step_done` does what a step does for real; when it raises StepFailedError the step has failed.
        """
        installation = self._installation
        seen = self._clock.now()
        while True:
            await self._tell_changes(on_step_done)
            if installation.finished:
                return
            if installation.reboot_wanted:
                raise RebootWanted
            wait = installation.next_event()
            await self._sleep(wait)
            now = self._clock.now()
            elapsed = now - seen
            if self._clock.speed == math.inf and wait is not None:
                # At the highest speed whatever the cloud waits for is due at once.
                elapsed = max(elapsed, wait)
            seen = now
            self._take_faults()
            self._look_for_second_stage()
            installation.advance(elapsed)

    def write_status(self) -> None:
        """Write the status file as things are now."""
        write_status(
            self._state,
            status_document(
                self._installation,
                instance_id=self._instance_id,
                now=self._clock.now(),
                second_stage_trouble=self._second_stage_trouble,
            ),
        )

    def save(self) -> None:
        """Keep how far the downloads are: the power goes, or the machine restarts."""
        installed = self._installation.installed()
        document = {"files": sorted(installed.files), "partial": installed.partial}
        (self._own / _PARTIAL_RECORD).write_text(json.dumps(document), encoding="utf-8")

    async def _sleep(self, wait: float | None) -> None:
        """Sleep until the next event, a look at the clock, or a notice; without an event until a notice.

        The second stage is looked for as the machine's own task looks: nobody gives notice of a file that comes by
        another way than the console.
        """
        real = None if wait is None else min(self._clock.real_seconds(wait), LONGEST_WAIT)
        if real is None and not self._installation.second_stage:
            real = LONGEST_WAIT
        try:
            async with asyncio.timeout(real):
                await self._changed.wait()
        except TimeoutError:
            return
        finally:
            self._changed.clear()

    async def _tell_changes(self, on_step_done: OnStepDone) -> None:
        """Act on steps that have become done; write marks, logs and status for whatever has changed."""
        for step in self._installation.steps:
            name = step.plan.name
            if self._states.get(name) is step.state:
                continue
            if step.state is StepState.DONE:
                try:
                    await on_step_done(name)
                except StepFailedError as failure:
                    self._installation.fail(name, failure.error)
                else:
                    self._write_mark(name, step.plan.key)
            self._states[name] = step.state
            self._log(name, step.state.value if step.error is None else f"{step.state.value}: {step.error.message}")
        self.write_status()

    def _write_mark(self, name: str, key: str) -> None:
        marks = self._state / "done"
        marks.mkdir(parents=True, exist_ok=True)
        (marks / name).write_text(key, encoding="ascii")

    def _log(self, step: str, text: str) -> None:
        logs = self._root / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        time = datetime.datetime.fromtimestamp(self._clock.now(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")
        for name in ("bootstrap", step):
            with (logs / f"{name}.log").open("a", encoding="utf-8") as out:
                out.write(f"{time} {step} {text} (simulated by the local cloud; nothing was installed)\n")

    def _take_faults(self) -> None:
        faults = self._faults.claim(self._instance_id)
        self._damage += sum(fault.times for fault in faults if fault.kind is FaultKind.BROKEN_SECOND_STAGE)
        self._installation.add_faults(fault for fault in faults if fault.kind is not FaultKind.BROKEN_SECOND_STAGE)

    def _look_for_second_stage(self) -> None:
        arrived = self._root / "inbox" / SECOND_STAGE
        if self._installation.second_stage or not arrived.is_file():
            return
        content = bytearray(arrived.read_bytes())
        if self._damage and content:
            self._damage -= 1
            content[len(content) // 2] ^= 0xFF
        wanted = self.manifest.second_stage_sha256
        try:
            if hashlib.sha256(content).hexdigest() != wanted:
                raise ValueError("another content was expected")
            _unzip(arrived, self._root)
        except (ValueError, zipfile.BadZipFile) as error:
            self._second_stage_trouble = "came broken and was thrown away"
            arrived.unlink()
            self._log("bootstrap", f"the second stage {self._second_stage_trouble}: {error}")
            return
        (self._state / "second-stage").write_text(wanted, encoding="ascii")
        self._installation.supply_second_stage()

    def _read_installed(self) -> Installed:
        done = self._state / "done"
        keys = {step.name: step.key for step in self.manifest.steps}
        finished = frozenset(
            name for name, key in keys.items() if (done / name).is_file() and _text(done / name) == key
        )
        try:
            downloads = json.loads(_text(self._own / _PARTIAL_RECORD))
        except FileNotFoundError:
            downloads = {"files": [], "partial": {}}
        mark = self._state / "second-stage"
        return Installed(
            finished,
            frozenset(downloads["files"]),
            downloads["partial"],
            _text(mark) if mark.is_file() else "",
        )


def _first_stage(root: Path, own: Path) -> list[str]:
    """The steps that came with the user data; all that are there, on a disk that Windows' own scripts have made."""
    try:
        steps: list[str] = json.loads(_text(own / _FIRST_STAGE_RECORD))["steps"]
        return steps
    except FileNotFoundError:
        return sorted(path.stem for path in (root / "steps").glob("*.ps1"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _unzip(archive: Path, folder: Path) -> None:
    """Unpack below `folder`. The archive's hash was checked; its names are looked at all the same."""
    with zipfile.ZipFile(archive) as opened:
        members = [member for member in opened.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > _MAX_UNPACKED_BYTES:
            raise ValueError(f"{archive.name} unpacks to more than {_MAX_UNPACKED_BYTES} bytes")
        for member in members:
            name = PurePosixPath(member.filename)
            if name.is_absolute() or ".." in name.parts or "\\" in member.filename or ":" in member.filename:
                raise ValueError(f"{archive.name} holds {member.filename!r}, which leads out of its folder")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(opened.read(member))
