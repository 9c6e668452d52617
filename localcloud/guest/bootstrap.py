"""Plays a machine's bootstrap: keeps the installation on the cloud's clock, on disk, and in the status file.

The record of what is installed lies on the machine's disk. So an image of the disk holds it, and a machine restored
from the image finds its steps done, as the real scripts would.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from localcloud.clock import Clock

from .faults import FaultKind, FaultQueue
from .installation import Installation, Installed
from .manifest import Manifest, read_manifest
from .rates import Rates
from .status import status_document, write_status

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
INCOMING_SECOND_STAGE = "incoming/stage2.zip"
# The clock may jump at any time and nothing tells the guests; so no wait is longer than this in reality.
_LONGEST_WAIT = 0.5
_RECORD = "installation.json"
_MAX_UNPACKED_BYTES = 64 * 1024 * 1024


class RebootWanted(Exception):  # noqa: N818 - not an error, a wish
    """The machine restarts now."""


class Bootstrap:
    """The start-up task of one machine.

    `root` is the machine's `C:\\chatglm`, `record` the local guest's own folder on the same disk.
    """

    def __init__(
        self,
        instance_id: str,
        root: Path,
        record: Path,
        clock: Clock,
        faults: FaultQueue,
        rates: Rates,
    ) -> None:
        self._instance_id = instance_id
        self._root = root
        self._record = record / _RECORD
        self._clock = clock
        self._faults = faults
        self._changed = asyncio.Event()
        self._broken_arrivals = 0
        self._manifest: Manifest = read_manifest((root / MANIFEST).read_text(encoding="utf-8"))
        first_stage = {path.stem for path in (root / "steps").glob("*.ps1")}
        self.installation = Installation(self._manifest, first_stage, self._load(), rates)
        self.demo: Callable[[], dict[str, Any] | None] = lambda: None

    @property
    def settings(self) -> dict[str, Any]:
        """The manifest's settings."""
        return dict(self._manifest.settings)

    def notice(self) -> None:
        """Something on the disk has changed; look at it now."""
        self._changed.set()

    async def play(self) -> None:
        """Go on until everything is installed. Raises RebootWanted when the machine must restart for that."""
        installation = self.installation
        seen = self._clock.now()
        while not installation.finished:
            self._take_faults()
            self._look_for_second_stage()
            self.write_status()
            wait = installation.next_event()
            await self._sleep(wait)
            now = self._clock.now()
            elapsed = now - seen
            if self._clock.speed == math.inf and wait is not None:
                # At the highest speed whatever the cloud waits for is due at once.
                elapsed = max(elapsed, wait)
            seen = now
            done_before = installation.installed().steps
            installation.advance(elapsed)
            if installation.installed().steps != done_before:
                self._save()
            if installation.reboot_wanted:
                self._save()
                raise RebootWanted
        self._save()
        self.write_status()

    def write_status(self) -> None:
        """Write the status file as things are now."""
        document = status_document(self.installation, now=self._clock.now(), demo=self.demo())
        write_status(self._root / "state", document)

    def save(self) -> None:
        """Keep what was downloaded so far: the power is about to go."""
        self._save()

    async def _sleep(self, wait: float | None) -> None:
        """Sleep until the next event, a look at the clock, or a notice; without an event only for the latter two."""
        real = _LONGEST_WAIT if wait is None else min(self._clock.real_seconds(wait), _LONGEST_WAIT)
        try:
            async with asyncio.timeout(real):
                await self._changed.wait()
        except TimeoutError:
            return
        finally:
            self._changed.clear()

    def _take_faults(self) -> None:
        faults = self._faults.claim(self._instance_id)
        self._broken_arrivals += sum(f.times for f in faults if f.kind is FaultKind.BROKEN_SECOND_STAGE)
        self.installation.add_faults(fault for fault in faults if fault.kind is not FaultKind.BROKEN_SECOND_STAGE)

    def _look_for_second_stage(self) -> None:
        if self.installation.second_stage:
            return
        arrived = self._root / INCOMING_SECOND_STAGE
        if not arrived.is_file():
            return
        if self._broken_arrivals:
            self._broken_arrivals -= 1
            content = bytearray(arrived.read_bytes())
            content[len(content) // 2] ^= 0xFF
            arrived.write_bytes(content)
        digest = hashlib.sha256(arrived.read_bytes()).hexdigest()
        if digest != self._manifest.second_stage_sha256:
            log.warning("%s: the second stage is broken (SHA-256 %s); it is thrown away", self._instance_id, digest)
            arrived.unlink()
            return
        _unzip(arrived, self._root)
        self.installation.supply_second_stage()

    def _load(self) -> Installed:
        try:
            document = json.loads(self._record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Installed()
        return Installed(frozenset(document["steps"]), frozenset(document["files"]), document["partial"])

    def _save(self) -> None:
        installed = self.installation.installed()
        document = {
            "note": "What the local guest pretends to have installed on this disk.",
            "steps": sorted(installed.steps),
            "files": sorted(installed.files),
            "partial": installed.partial,
        }
        part = self._record.with_suffix(".part")
        part.write_text(json.dumps(document, indent=1), encoding="utf-8")
        part.replace(self._record)


def _unzip(archive: Path, folder: Path) -> None:
    """Unpack below `folder`; the archive's hash was checked, its names are looked at all the same."""
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
