"""Faults that wait for a machine: one small file each, so that any process can queue one and one machine takes it."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from guest.files import replace_file

ANY_MACHINE = "*"


class FaultKind(StrEnum):
    """What can go wrong on a machine; `step` says where, `times` how often before it goes well again."""

    SLOW_DOWNLOAD = "slow-download"
    """The downloads of the step run at a hundredth of the rate."""
    CUT_DOWNLOAD = "cut-download"
    """The connection breaks in mid-file; the next attempt goes on from there."""
    WRONG_HASH = "wrong-hash"
    """A whole file has the wrong content; it is thrown away and fetched again."""
    INSTALL_FAILS = "install-fails"
    """The installer of the step ends with an error."""
    REBOOT = "reboot"
    """The machine restarts in the middle of the step's installation."""
    DISK_FULL = "disk-full"
    """The disk has no room for the step's files."""
    NO_GPU = "no-gpu"
    """The driver is in place but shows no GPU."""
    BROKEN_SECOND_STAGE = "broken-second-stage"
    """The second stage arrives with a changed byte."""


_DEFAULT_STEPS = {
    FaultKind.SLOW_DOWNLOAD: "model",
    FaultKind.CUT_DOWNLOAD: "model",
    FaultKind.WRONG_HASH: "model",
    FaultKind.INSTALL_FAILS: "driver",
    FaultKind.REBOOT: "driver",
    FaultKind.DISK_FULL: "model",
    FaultKind.NO_GPU: "check",
    FaultKind.BROKEN_SECOND_STAGE: "",
}


@dataclass(frozen=True)
class GuestFault:
    """A fault of a step, `times` times."""

    kind: FaultKind
    step: str
    times: int = 1


class FaultQueue:
    """The faults that wait in the local cloud's data folder."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "guest-faults"

    def add(self, kind: FaultKind, *, machine: str = ANY_MACHINE, step: str = "", times: int = 1) -> GuestFault:
        """Queue a fault for a machine (an instance id) or for the next one that runs its bootstrap.

        Without a step the fault hits the step where it is most likely. Raises ValueError when `times` is below 1.
        """
        if times < 1:
            raise ValueError(f"a fault happens at least once, not {times} times")
        fault = GuestFault(kind, step or _DEFAULT_STEPS[kind], times)
        self._folder.mkdir(parents=True, exist_ok=True)
        number = len(list(self._folder.iterdir()))
        place = self._folder / f"{number:06d}-{uuid.uuid4().hex}.json"
        replace_file(place, json.dumps({"machine": machine, **asdict(fault)}).encode("utf-8"), flushed=False)
        return fault

    def waiting(self) -> list[tuple[str, GuestFault]]:
        """Machine and fault of everything that still waits."""
        return [(machine, fault) for _, machine, fault in self._read()]

    def claim(self, machine: str) -> list[GuestFault]:
        """Take the faults that are meant for `machine` or for any; each goes to one machine only."""
        claimed = []
        for place, wanted, fault in self._read():
            if wanted in {machine, ANY_MACHINE}:
                try:
                    place.unlink()
                except FileNotFoundError:
                    continue  # another machine was faster
                claimed.append(fault)
        return claimed

    def clear(self) -> None:
        """Forget everything that waits."""
        for place, _, _ in self._read():
            place.unlink(missing_ok=True)

    def _read(self) -> list[tuple[Path, str, GuestFault]]:
        if not self._folder.is_dir():
            return []
        found = []
        for place in sorted(self._folder.glob("*.json")):
            try:
                entry = json.loads(place.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            fault = GuestFault(FaultKind(entry["kind"]), entry["step"], entry["times"])
            found.append((place, entry["machine"], fault))
        return found
