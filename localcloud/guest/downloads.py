"""The downloads of a machine as flows over one shared line: pure arithmetic over seconds of cloud time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .manifest import ManifestFile

PARALLEL = 4
"""How many files the machine fetches at once."""
SLOW_SHARE = 0.01
RETRY_SECONDS = (5.0, 15.0, 45.0, 60.0)
MAX_ATTEMPTS = 5
# Two of a float's roundings must not leave a file one millionth of a byte short.
_NEARLY = 1e-3


@dataclass
class Download:
    """One file on its way. `cuts` and the counts of other troubles are what faults still hold for it.

    What a step's own installer fetches (`held`) starts with that step, not with the machine.
    """

    file: ManifestFile
    received: float = 0.0
    done: bool = False
    attempt: int = 1
    pause: float = 0.0
    error: str = ""
    failed: bool = False
    held: bool = False
    slow: bool = False
    cuts: list[float] = field(default_factory=list)
    wrong_hashes: int = 0
    full_disks: int = 0

    @property
    def moving(self) -> bool:
        """Whether bytes come in, once there is a free place."""
        return not (self.done or self.failed or self.held) and self.pause <= 0

    def milestone(self) -> float:
        """The next number of received bytes at which something happens."""
        ahead = [position for position in self.cuts if position > self.received]
        if self.full_disks:
            ahead.append(max(self.file.size / 2, self.received))
        return min([*ahead, float(self.file.size)])

    def arrive(self) -> None:
        """React to having reached the milestone."""
        if self.full_disks:
            self.full_disks -= 1
            self._fail("There is not enough space on the disk (0x80070070).", keep=True)
        elif self.cuts and self.received < self.file.size - _NEARLY:
            self.cuts.pop(0)
            self._fail("The connection was closed before the end of the file.", keep=True)
        elif self.wrong_hashes:
            self.wrong_hashes -= 1
            self._fail("The SHA-256 of the file is not the expected one; it was thrown away.", keep=False)
        else:
            self.received = float(self.file.size)
            self.done = True
            self.error = ""

    def _fail(self, error: str, *, keep: bool) -> None:
        if not keep:
            self.received = 0.0
        self.error = error
        if self.attempt >= MAX_ATTEMPTS:
            self.failed = True
        else:
            self.pause = RETRY_SECONDS[min(self.attempt, len(RETRY_SECONDS)) - 1]
            self.attempt += 1


class DownloadQueue:
    """Fetches files in order, a few at once, over a line whose rate they share."""

    def __init__(self, downloads: Iterable[Download], rate: float) -> None:
        self.downloads = list(downloads)
        self._rate = rate

    def of_step(self, step: str) -> list[Download]:
        """The downloads of one step."""
        return [download for download in self.downloads if download.file.step == step]

    def rates(self) -> dict[str, float]:
        """Bytes per second of each file that is being fetched now, by file id."""
        active = [download for download in self.downloads if download.moving][:PARALLEL]
        slow = [download for download in active if download.slow]
        crawl = self._rate * SLOW_SHARE
        quick_rate = (self._rate - crawl * len(slow)) / max(1, len(active) - len(slow))
        return {download.file.id: crawl if download.slow else quick_rate for download in active}

    def next_event(self) -> float | None:
        """Seconds until something happens; None when nothing is under way."""
        rates = self.rates()
        waits = [download.pause for download in self.downloads if download.pause > 0]
        waits += [
            max(0.0, (download.milestone() - download.received) / rates[download.file.id])
            for download in self.downloads
            if download.file.id in rates
        ]
        return min(waits, default=None)

    def advance(self, seconds: float) -> None:
        """Let time pass, not beyond the next event."""
        rates = self.rates()
        for download in self.downloads:
            if download.pause > 0:
                download.pause = max(0.0, download.pause - seconds)
                if download.pause < _NEARLY:
                    download.pause = 0.0
            elif rate := rates.get(download.file.id):
                download.received += rate * seconds
                if download.received >= download.milestone() - _NEARLY:
                    download.received = download.milestone()
                    download.arrive()
