"""The downloads of a machine as flows over one shared line: pure arithmetic over seconds of cloud time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .manifest import ManifestFile

MAX_FRUITLESS = 8
"""How many attempts in a row without a new byte the downloader makes before it gives a file up."""
_PAUSE_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 60.0
_SLOW_SHARE = 0.01
# Rounding must not leave a file a millionth of a byte short of its end.
_NEARLY = 1e-3


@dataclass
class Download:
    """One file on its way. `cuts` and the counts of other troubles are what faults still hold for it.

    It is `held` as long as nothing on the machine fetches it yet.
    """

    file: ManifestFile
    received: float = 0.0
    done: bool = False
    held: bool = False
    attempt: int = 1
    fruitless: int = 0
    pause: float = 0.0
    error: str = ""
    failed: bool = False
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
        if self.full_disks:
            return self.received
        return min([position for position in self.cuts if position > self.received], default=float(self.file.size))

    def arrive(self) -> None:
        """React to having reached the milestone."""
        if self.full_disks:
            self.full_disks -= 1
            self._fail("waits for room on the disk: 0.0 GB are free", fruitful=False)
        elif self.received < self.file.size - _NEARLY:
            self.cuts.pop(0)
            self._fail(f"broke off at {int(self.received)} of {self.file.size} bytes", fruitful=True)
        elif self.wrong_hashes:
            self.wrong_hashes -= 1
            self.received = 0.0
            self._fail("wrong bytes", fruitful=False)
        else:
            self.received = float(self.file.size)
            self.done, self.error = True, ""

    def _fail(self, error: str, *, fruitful: bool) -> None:
        self.error = f"{self.file.id}: {error}"
        self.attempt += 1
        self.fruitless = 0 if fruitful else self.fruitless + 1
        if self.fruitless >= MAX_FRUITLESS:
            self.failed = True
        elif not fruitful:
            self.pause = min(_PAUSE_SECONDS * 2**self.fruitless, _LONGEST_PAUSE_SECONDS)


class DownloadQueue:
    """Fetches files in order, `parallel` at once, over a line whose rate (bytes per second) they share."""

    def __init__(self, downloads: Iterable[Download], rate: float) -> None:
        self.downloads = list(downloads)
        self.parallel = 1
        self._rate = rate

    def of_step(self, step: str) -> list[Download]:
        """The downloads of one step."""
        return [download for download in self.downloads if download.file.step == step]

    def rates(self) -> dict[str, float]:
        """Bytes per second of each file that is being fetched now, by file id."""
        active = [download for download in self.downloads if download.moving][: self.parallel]
        slow = sum(download.slow for download in active)
        crawl = self._rate * _SLOW_SHARE
        quick = (self._rate - crawl * slow) / max(1, len(active) - slow)
        return {download.file.id: crawl if download.slow else quick for download in active}

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
                end = download.milestone()
                download.received = min(download.received + rate * seconds, end)
                if download.received >= end - _NEARLY:
                    download.received = end
                    download.arrive()
