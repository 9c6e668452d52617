"""How patient the downloader is, and the ways in which a source or a whole download fails."""

from __future__ import annotations

from dataclasses import dataclass

#: No file is started that would leave less than this free on the disk, in bytes.
DISK_RESERVE = 8_000_000_000


@dataclass(frozen=True)
class Limits:
    """Times in seconds, sizes in bytes, rates in bytes per second.

    `workers` files are fetched at a time. A read may take `timeout`, and a source that gives less than `slow_rate` over
    `slow_window` is left. After `idle_rounds` rounds through all sources without a new byte a file has failed. Rounds
    without a network or names count only `offline_patience` after the start: Windows starts its tasks before them. Of
    files larger than `bulk` one alone is fetched from a source that has not shown yet that it has the right ones.
    """

    workers: int = 4
    timeout: float = 30
    slow_rate: float = 10_000
    slow_window: float = 60
    idle_rounds: int = 8
    pause: float = 2
    longest_pause: float = 60
    offline_patience: float = 600
    disk_reserve: int = DISK_RESERVE
    disk_patience: float = 1800
    bulk: int = 100_000_000


class SourceError(Exception):
    """This source does not give the file now; another one may."""


class RangeIgnoredError(SourceError):
    """The source sends the file from its start when asked for the rest."""


class TooSlowError(SourceError):
    """The source drips, or sends no bytes of the file at all."""


class WrongBytesError(SourceError):
    """The source has another file under this name."""


class DownloadError(Exception):
    """A file cannot be had; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
