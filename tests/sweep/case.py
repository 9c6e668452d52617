"""One case: the transition with its fault, then the same command again."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.sweep.faults import KINDS, UNSEEN_SECONDS, Case, Ending, Kind
from tests.sweep.transitions import SWEPT, Transition, Work, orphans, shortfall
from tests.sweep.world import Watch, World, open_world, wait_until
from tests.waiting import HANG_SECONDS
from tools.workspace import kill

#: No patience, so that a fault that lasts is met at its first or second try (minutes, as the plug-in reads them).
_IMPATIENT = {"TENCENTCLOUD_READ_RETRY_TIMEOUT": "0", "TENCENTCLOUD_WRITE_RETRY_TIMEOUT": "0"}
#: When a person loses patience with a fault that lasts: the only time here that is part of a case.
_INTERRUPTED_AFTER_SECONDS = 12


@dataclass(frozen=True)
class Outcome:
    """What a case showed. Empty texts are good; `said` is all that Pulumi printed."""

    case: Case
    invariant_broken: str
    not_recovered: str
    orphans: list[str]
    said: str

    @property
    def good(self) -> bool:
        return not (self.invariant_broken or self.not_recovered or self.orphans)


def run_case(case: Case, snapshots: Path) -> Outcome:
    """Live one case on a copy of the world as it was before its transition."""
    transition = next(each for each in SWEPT if each.name == case.transition)
    kind = next(each for each in KINDS if each.name == case.kind)
    with tempfile.TemporaryDirectory(prefix="sweep-") as temporary:
        folder = Path(temporary) / "world"
        shutil.copytree(snapshots / transition.name, folder, symlinks=True)
        with open_world(folder, transition.guests) as world:
            return _live(case, transition, kind, world)


def _live(case: Case, transition: Transition, kind: Kind, world: World) -> Outcome:
    control = world.served.control
    work = Work.find(world, transition)
    with Watch(world, work.is_safe) as watch:
        control.fault(
            case.action,
            kind.fault,
            service=case.service,
            code=kind.code(case.service, case.action),
            times=kind.times,
            skip=case.nth,
            seconds=kind.seconds,
            age=UNSEEN_SECONDS,
        )
        said = _run_with_fault(world, transition, kind)
        control.clear_faults()
        missing, more = _recover(world, transition)
    if any(call.action == "ResetInstance" for call in control.journal()):
        watch.broken = watch.broken or "a machine was reinstalled"
    return Outcome(case, watch.broken, missing, orphans(world, transition.wanted), said + more)


def _run_with_fault(world: World, transition: Transition, kind: Kind) -> str:
    process = world.stack.start(transition.command, _IMPATIENT if kind.ending is Ending.PATIENT else None)
    if kind.seconds:
        faults = world.server.cloud.db.faults
        met = wait_until(lambda: len(faults) == 0 or process.poll() is not None)
    if kind.ending is Ending.PLUGIN_KILLED:
        _kill_plugin(process.pid)
    if kind.ending is Ending.KILLED:
        kill(process)
        # The call that was under way ends in the cloud though nobody hears of it.
        wait_until(lambda: False, kind.seconds + 0.1)
        return f"(killed{'' if met else ', without having met the fault'})\n"
    patience = _INTERRUPTED_AFTER_SECONDS if kind.ending is Ending.PATIENT else HANG_SECONDS
    for attempt in ("", "(interrupted)\n", "(interrupted twice)\n"):
        try:
            text, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        else:
            return f"{text}{attempt}"
    kill(process)
    return "(did not end, killed)\n"


def _kill_plugin(engine: int) -> None:
    """SIGKILL to the plug-in, the official one or the stand-in, by whichever name it runs."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(engine).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                command = " ".join(process.cmdline())
                if "localcloud.plugin" in command or "pulumi-resource-tencentcloud" in command:
                    process.kill()


def _recover(world: World, transition: Transition) -> tuple[str, str]:
    """Run the command again unless the end is reached: plainly, or with the one remedy that its refusal names."""
    if not shortfall(world, transition.wanted) and not orphans(world, transition.wanted):
        return "", ""
    again = world.stack.pulumi(transition.command, "--yes", "--skip-preview")
    said = f"--- again\n{again.text}"
    if not again.ok and "pulumi cancel" in again.text:
        world.stack.pulumi("cancel", "--yes", check=True)
        again = world.stack.pulumi(transition.command, "--yes", "--skip-preview")
        said += f"--- after pulumi cancel\n{again.text}"
    missing = shortfall(world, transition.wanted)
    return missing or ("" if again.ok else "the command failed though the end is reached"), said
