"""The installation of a machine, played on the clock: which step does what after how many seconds.

It keeps the order of the machine's own scripts: steps run one after the other, those marked `beside` run along from
the start and are waited for where they are needed; the files that have a hash are fetched from the first moment on, one
after the other; the steps whose scripts are not in the user data wait for the second stage, which also brings the
downloader that fetches several files at once.

Nothing is installed. The times come from the manifest's sizes and estimates and from `rates`, and no figure of this
simulation says anything about the speed of a real machine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from .downloads import Download, DownloadQueue
from .faults import FaultKind, GuestFault
from .manifest import Manifest, ManifestFile, ManifestStep
from .rates import Rates

TRIES = 3
_TRY_AGAIN_SECONDS = 10.0
_DOWNLOADER_PARALLEL = 4
_PYTHON_STEP = "python"
# The scripts of these are run at every start of the machine, whatever was done before.
_EVERY_START = frozenset({"base", "windows", "demo", "watcher", "check"})
_CUT_AT = (0.3, 0.6, 0.8, 0.9)
_REBOOT_AT = 0.5
_FAIL_AT = 0.7
_NEARLY = 1e-3


class StepState(StrEnum):
    """State of a step, in the words of the status file."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    WAITING = "waiting"


@dataclass(frozen=True)
class StepError:
    """Why a step failed: for the person, what to do, and the end of the log."""

    message: str
    hint: str
    log_tail: str = ""


@dataclass
class Step:
    """One step on its way; `worked` is how many seconds of the installation are done."""

    plan: ManifestStep
    found: bool = False
    state: StepState = StepState.PENDING
    worked: float = 0.0
    pause: float = 0.0
    attempt: int = 1
    error: StepError | None = None
    troubles: list[FaultKind] = field(default_factory=list)

    def milestone(self) -> float:
        """The second of the installation at which something happens next."""
        if not self.troubles:
            return self.plan.install_seconds
        share = _REBOOT_AT if self.troubles[0] is FaultKind.REBOOT else _FAIL_AT
        return max(self.worked, self.plan.install_seconds * share)


@dataclass(frozen=True)
class Installed:
    """What lies on the disk: steps that are finished as the manifest wants them, keys of whole files, bytes of half
    files, and the hash of the second stage."""

    steps: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    partial: dict[str, float] = field(default_factory=dict)
    second_stage: str = ""


class Installation:
    """The state of an installation, moved by `advance` and by the arrival of the second stage."""

    def __init__(self, manifest: Manifest, first_stage: Collection[str], installed: Installed, rates: Rates) -> None:
        """`first_stage` names the steps whose scripts the user data holds."""
        self.manifest = manifest
        self._first_stage = frozenset(first_stage)
        self.steps = [Step(step, found=step.name in installed.steps - _EVERY_START) for step in manifest.steps]
        self.downloads = DownloadQueue(
            _downloads(manifest, installed, {step.plan.name for step in self.steps if step.found}), rates.network
        )
        self.second_stage = manifest.second_stage_sha256 in {"", installed.second_stage}
        self.reboot_wanted = False
        self._settle()

    def add_faults(self, faults: Iterable[GuestFault]) -> None:
        """Let these go wrong; what is already over is not touched any more."""
        for fault in faults:
            files = self.downloads.of_step(fault.step)
            largest = max((d for d in files if not d.done), key=lambda d: d.file.size, default=None)
            step = self.step(fault.step)
            if fault.kind is FaultKind.SLOW_DOWNLOAD:
                for download in files:
                    download.slow = True
            elif fault.kind is FaultKind.CUT_DOWNLOAD and largest:
                largest.cuts += [_CUT_AT[n % len(_CUT_AT)] * largest.file.size for n in range(fault.times)]
                largest.cuts.sort()
            elif fault.kind is FaultKind.WRONG_HASH and largest:
                largest.wrong_hashes += fault.times
            elif fault.kind is FaultKind.DISK_FULL and largest:
                largest.full_disks += fault.times
            elif step is not None and step.state is not StepState.DONE:
                step.troubles += [fault.kind] * fault.times

    def step(self, name: str) -> Step | None:
        """The step of that name."""
        return next((step for step in self.steps if step.plan.name == name), None)

    @property
    def current(self) -> Step | None:
        """The step at which the one-after-the-other stands; None when all are done."""
        for step in self.steps:
            if step.state is StepState.DONE or step.plan.beside:
                continue
            needed = (self.step(name) for name in step.plan.needs)
            return next((need for need in needed if need and need.state is not StepState.DONE), step)
        return None

    @property
    def finished(self) -> bool:
        """Whether every step is done."""
        return all(step.state is StepState.DONE for step in self.steps)

    @property
    def failed(self) -> Step | None:
        """The step that gave up and stops the rest, if one did."""
        current = self.current
        return current if current is not None and current.state is StepState.FAILED else None

    @property
    def waiting(self) -> bool:
        """Whether the next step cannot go on before the second stage comes."""
        current = self.current
        return current is not None and current.state is StepState.WAITING

    def supply_second_stage(self) -> None:
        """The second stage is there and whole."""
        self.second_stage = True
        self._settle()

    def fail(self, name: str, error: StepError) -> None:
        """What the step does for real has gone wrong; the rest must not go on."""
        step = self.step(name)
        if step is not None:
            step.state, step.error = StepState.FAILED, error
            self._settle()

    def retry(self) -> None:
        """Begin again what gave up, as a restart of the machine does."""
        for download in self.downloads.downloads:
            download.failed, download.fruitless, download.pause = False, 0, 0.0
        for step in self.steps:
            if step.state is not StepState.DONE:
                step.state, step.attempt, step.pause, step.worked, step.error = StepState.PENDING, 1, 0.0, 0.0, None
        self.reboot_wanted = False
        self._settle()

    def installed(self) -> Installed:
        """What a restart, or a machine restored from an image of this disk, finds."""
        everything = self.downloads.downloads
        return Installed(
            frozenset(step.plan.name for step in self.steps if step.state is StepState.DONE or step.found),
            frozenset(download.file.key for download in everything if download.done),
            {d.file.key: d.received for d in everything if not d.done and d.received},
            self.manifest.second_stage_sha256 if self.second_stage else "",
        )

    def next_event(self) -> float | None:
        """Seconds until something happens by itself; None when nothing is under way."""
        if self.reboot_wanted:
            return None
        waits = [wait] if (wait := self.downloads.next_event()) is not None else []
        for step in self.steps:
            if step.pause > 0:
                waits.append(step.pause)
            if self._is_working(step):
                waits.append(max(0.0, step.milestone() - step.worked))
        return min(waits, default=None)

    def advance(self, seconds: float) -> None:
        """Let time pass. What happens in between happens at its time, however long the stretch is."""
        left = seconds
        while (wait := self.next_event()) is not None and wait <= left:
            self._pass(wait)
            self._settle()
            left -= wait
        if wait is not None:
            self._pass(left)

    def _pass(self, seconds: float) -> None:
        """Let time pass up to the next event at most."""
        working = [step for step in self.steps if self._is_working(step)]
        self.downloads.advance(seconds)
        for step in self.steps:
            if step.pause > 0:
                step.pause = max(0.0, step.pause - seconds)
                if step.pause < _NEARLY:
                    step.pause = 0.0
        for step in working:
            step.worked += seconds
            if step.worked >= step.milestone() - _NEARLY:
                self._reach(step)

    def _reach(self, step: Step) -> None:
        if not step.troubles:
            step.worked = step.plan.install_seconds
            step.state, step.error = StepState.DONE, None
            return
        trouble = step.troubles.pop(0)
        step.worked = 0.0
        if trouble is FaultKind.REBOOT:
            self.reboot_wanted = True
            return
        step.error = _install_error(step, trouble)
        if step.attempt >= TRIES:
            step.state = StepState.FAILED
        else:
            step.pause = _TRY_AGAIN_SECONDS * step.attempt**2
            step.attempt += 1

    def _settle(self) -> None:
        """Give every step the state that follows from the files, the second stage and the steps before it."""
        before_is_done = True
        for step in self.steps:
            if step.state not in {StepState.DONE, StepState.FAILED}:
                step.state = self._state(step, before_is_done)
            if not step.plan.beside:
                before_is_done = before_is_done and step.state is StepState.DONE
        self.downloads.parallel = _DOWNLOADER_PARALLEL if self.second_stage else 1
        for download in self.downloads.downloads:
            download.held = not self._is_fetched(download)

    def _state(self, step: Step, before_is_done: bool) -> StepState:
        files = self.downloads.of_step(step.plan.name)
        if gave_up := next((download for download in files if download.failed), None):
            step.error = _download_error(gave_up)
            return StepState.FAILED
        if not step.plan.beside:
            if not before_is_done or not all(self._is_done(name) for name in step.plan.needs):
                return StepState.PENDING
            if not self.second_stage and step.plan.name not in self._first_stage:
                return StepState.WAITING
        if step.found:
            return StepState.DONE
        return StepState.RUNNING

    def _is_fetched(self, download: Download) -> bool:
        """Whether something on the machine fetches the file now: its own step, or one of the two downloaders."""
        file, owner = download.file, self.step(download.file.step)
        if owner is not None and owner.state is StepState.RUNNING and not owner.plan.beside:
            return True
        if not file.path or file.step == _PYTHON_STEP:
            return False  # left to the step alone
        return self.second_stage or file.hashed

    def _is_done(self, name: str) -> bool:
        step = self.step(name)
        return step is None or step.state is StepState.DONE

    def _is_working(self, step: Step) -> bool:
        """Whether the step has its files and installs."""
        if step.state is not StepState.RUNNING or step.pause > 0:
            return False
        return all(download.done for download in self.downloads.of_step(step.plan.name))


def _downloads(manifest: Manifest, installed: Installed, finished: Collection[str]) -> Iterator[Download]:
    for file in manifest.files:
        # The installers are thrown away after use, so a finished step needs its files no more.
        if file.step in finished or file.key in installed.files:
            yield Download(file, received=float(file.size), done=True)
        else:
            yield Download(file, received=min(installed.partial.get(file.key, 0.0), float(file.size)))
    for step in manifest.steps:
        if step.download_bytes and step.name not in finished:
            yield Download(ManifestFile(step.name, step.name, "", step.download_bytes, True, step.key))


def _install_error(step: Step, trouble: FaultKind) -> StepError:
    if trouble is FaultKind.NO_GPU:
        return StepError(
            "nvidia-smi shows no GPU.",
            "Check that the instance type has a GPU; stop and start the machine.",
            "simulated: NVIDIA-SMI has failed because no devices were found",
        )
    return StepError(
        f"The installation of {step.plan.title} ended with exit code 1.",
        "Look at the end of the log; the verb retry tries again.",
        f"simulated: the installer of the step {step.plan.name} was told to fail by a queued fault",
    )


def _download_error(download: Download) -> StepError:
    hint = "Is the machine's way to the internet open, and the disk not full?"
    return StepError(download.error, hint, f"simulated: {download.error} (queued fault)")
