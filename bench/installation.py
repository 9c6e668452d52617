"""Simulates the installation of a machine from its manifest: what is downloaded and installed when, and the disk.

A model, not a measurement: install times and unknown sizes are the manifest's estimates. The link is shared equally by
the downloads that run; installations run one after the other, as the engine runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from components.bootstrap.manifest import WINDOWS_BYTES
from components.bootstrap.render import BootstrapInputs, render
from components.bootstrap.settings import BootstrapSettings
from guest.download.limits import DISK_RESERVE, Limits

#: From the order to the first line of user data: 30 s until the machine runs, a minute for Windows' first start.
BOOT_SECONDS = 90.0
#: The waiting `pulumi up` looks every 5 s, and the second stage is some 100 KB.
PUSH_SECONDS = 10.0
DISK_BYTES = 75 * 10**9
#: A CLOUD_SSD disk of 75 GB reads about so much (Tencent, "Cloud disk types": 120 + 0.2 MB/s a GB).
DISK_READ_RATE = 135e6
_STEP = 0.5


@dataclass
class Download:
    """A file on its way. `reserved` is its size while it is promised room on the disk."""

    id: str
    step: str
    size: float
    hashed: bool
    done: float = 0.0
    running: bool = False

    @property
    def whole(self) -> bool:
        return self.done >= self.size


@dataclass
class Outcome:
    """Seconds from launch to ready, both lower bounds, and the disk in bytes."""

    seconds: float = 0.0
    download_seconds: float = 0.0
    install_seconds: float = 0.0
    least_free: float = float(DISK_BYTES)
    left: float = 0.0
    finished: dict[str, float] = field(default_factory=dict)


def manifest(settings: BootstrapSettings | None = None) -> dict[str, Any]:
    """The manifest of default settings, or of others."""
    inputs = BootstrapInputs(settings or BootstrapSettings(), "demo-passw0rd", ("MY_PUBLIC_IP",), "bench")
    return render(inputs).manifest


def simulate(made: dict[str, Any], megabits: float = 100.0) -> Outcome:
    """Play a first installation at this speed of the link."""
    rate = megabits * 1e6 / 8
    downloads = [
        Download(file["id"], file["step"], float(file["bytes"] or file["estimate"]), bool(file["sha256"]))
        for file in made["files"]
    ]
    packages = sum(step["downloadBytes"] for step in made["steps"])
    outcome = Outcome(
        download_seconds=(sum(d.size for d in downloads) + packages) / rate,
        install_seconds=float(sum(step["installSeconds"] for step in made["steps"])),
    )
    _Play(made, downloads, rate, outcome).run()
    return outcome


class _Play:
    """The state of a simulation."""

    def __init__(self, made: dict[str, Any], downloads: list[Download], rate: float, outcome: Outcome) -> None:
        self.downloads, self.rate, self.outcome = downloads, rate, outcome
        self.steps = {step["name"]: step for step in made["steps"]}
        # A step that runs beside the others is waited for before the one that needs it.
        self.queue = [step for step in made["steps"] if not step.get("beside")]
        self.now = BOOT_SECONDS
        self.worked = 0.0
        self.own = 0.0  # what the step at work has fetched by itself
        self.used = float(WINDOWS_BYTES)

    def run(self) -> None:
        while self.queue:
            self._advance()
        self.outcome.seconds = self.now
        self.outcome.left = self.used + self._on_disk()

    def _advance(self) -> None:
        step = self.queue[0]
        ready = self._has_what_it_needs(step)
        fetches_itself = ready and self.own < step["downloadBytes"]
        self._choose()
        streams = [d for d in self.downloads if d.running]
        share = self.rate * _STEP / max(len(streams) + fetches_itself, 1)
        for download in streams:
            download.done = min(download.done + share, download.size)
        if fetches_itself:
            self.own += share
        elif ready:
            self.worked += _STEP
        self.now += _STEP
        temporary = step["temporaryBytes"] if ready and self.worked else 0
        free = DISK_BYTES - self.used - self._on_disk() - temporary - (step["diskBytes"] if temporary else 0)
        self.outcome.least_free = min(self.outcome.least_free, free)
        if ready and self.worked >= step["installSeconds"]:
            self._finish(step)

    def _finish(self, step: dict[str, Any]) -> None:
        self.queue.pop(0)
        self.used += step["diskBytes"]
        self.worked = self.own = 0.0
        self.outcome.finished[step["name"]] = self.now
        # Installers and wheels are deleted after use.
        self.downloads = [d for d in self.downloads if d.step != step["name"]]

    def _has_what_it_needs(self, step: dict[str, Any]) -> bool:
        names = {step["name"], *step.get("needs", ())}
        come = all(d.whole for d in self.downloads if d.step in names)
        return come and (step["name"] == "base" or self._has_second_stage())

    def _has_second_stage(self) -> bool:
        listening = self.outcome.finished.get("base")
        return listening is not None and self.now >= listening + PUSH_SECONDS

    def _choose(self) -> None:
        """Which files are fetched now: curl's one after the other at first, then the downloader's several."""
        if "windows" in self.outcome.finished:
            for download in self.downloads:
                download.running = download.running or download.step == "python"
        has_downloader = "python" in self.outcome.finished and self._has_second_stage()
        wanted = [d for d in self.downloads if d.step != "python" and not d.whole and (has_downloader or d.hashed)]
        for download in self.downloads:
            if download.whole or (download.step != "python" and download not in wanted):
                download.running = False
        workers = Limits().workers if has_downloader else 1
        for download in wanted:
            running = [d for d in wanted if d.running]
            if len(running) >= workers:
                break
            promised = sum(d.size - d.done for d in running if d is not download)
            free = DISK_BYTES - self.used - self._on_disk() - promised
            if not download.running and free - (download.size - download.done) >= DISK_RESERVE:
                download.running = True

    def _on_disk(self) -> float:
        return sum(d.done for d in self.downloads)


def restore_seconds(made: dict[str, Any]) -> float:
    """From the order to the answering demo, from an image: every step finds itself done, the model is read anew."""
    model = sum(file["bytes"] or file["estimate"] for file in made["files"] if file["step"] == "model")
    steps = {step["name"]: step["installSeconds"] for step in made["steps"]}
    looks = 3 * len(steps)  # starting Python or nvidia-smi to look
    to_gpu = 40  # imports, and the way from memory to the GPU
    return float(BOOT_SECONDS + steps["base"] + looks + model / DISK_READ_RATE + to_gpu + steps["check"])
