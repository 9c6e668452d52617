"""The guard outside, killed, denied and cut off at every call of a park and of a restore, and beside others.

`cases()` lists them and `run(case)` lives one, with the real engine on the local cloud. Each begins in a copy of a
world that was recorded once.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rehearsal.engine import ROOT
from tests.sweep.transitions import Wanted, Work, orphans, shortfall
from tests.sweep.world import Watch, World, open_world, wait_until
from tests.waiting import HANG_SECONDS
from tools.workspace import Result, kill

PARK, RESTORE = "park", "restore"
#: What the machine says of its use, in seconds: far more than chatglm:idleMinutes below, or next to nothing.
_IDLE, _USED = 86_400.0, 5.0
#: The looks of a case lie so far apart that no try is held back for long.
_APART_SECONDS = 600.0
#: So many looks after the fault the wanted end must be reached, and nothing be left to do.
_LOOKS = 5
_SECONDS_TO_KILL = 0.5
_READS = ("Describe", "Inquiry", "Get")
_SETTINGS = {
    "chatglm:idleMinutes": "30",
    "chatglm:guardWarnMinutes": "0",
    "chatglm:restoreAfterReclaim": "true",
}
_WANTED = {PARK: Wanted.PARKED, RESTORE: Wanted.RUNNING}

DENIED, CUT, KILLED = "denied", "cut-off", "killed"
TWO_GUARDS, PERSON, DEAD_LOCK, SOLD_OUT = "two-guards", "a-persons-up", "a-dead-guards-lock", "first-zone-sold-out"


@dataclass(frozen=True, order=True)
class Case:
    """A fault at the `nth` call (from 0) of one action, while the guard parks or restores; or, without one, company."""

    act: str
    kind: str
    service: str = ""
    action: str = ""
    nth: int = 0

    def __str__(self) -> str:
        where = f"/{self.action}-{self.nth}" if self.action else ""
        return f"outside/{self.act}{where}/{self.kind}"


@dataclass(frozen=True)
class Verdict:
    """`broken` is empty where nothing was lost, nothing left, and the next looks went on to the end."""

    case: Case
    broken: str
    said: str


def record(folder: Path) -> list[Case]:
    """Live a park and a restore once, keep the world before each in `folder`, and list every case.

    Raises RuntimeError where one fails without any fault.
    """
    here = folder / PARK
    with open_world(here) as world:
        world.stack.set(_SETTINGS)
        # Parked and restored once, so that an older image is there to be retired.
        for state in ("running", "parked", "running"):
            _demand(world.stack.up(state))
    shutil.copytree(here, folder / RESTORE, symlinks=True)
    with open_world(folder / RESTORE) as world:
        world.served.control.reclaim(world.machines()[0].instance_id, 0)
        if not wait_until(lambda: not world.machines()):
            raise RuntimeError("the machine was not reclaimed")
    cases: list[Case] = []
    for act in (PARK, RESTORE):
        with tempfile.TemporaryDirectory(prefix="guard-") as temporary:
            copy = Path(temporary) / "world"
            shutil.copytree(folder / act, copy, symlinks=True)
            with open_world(copy) as world:
                last = max((call.seq for call in world.served.control.journal()), default=0)
                _demand(_look(world, act, 0))
                if missing := shortfall(world, _WANTED[act]):
                    raise RuntimeError(f"{act} without a fault: {missing}")
                calls = [(call.service, call.action) for call in world.served.control.journal(last)]
        cases += cases_of(act, calls)
    (folder / "cases.json").write_text(json.dumps([asdict(case) for case in cases]), encoding="utf-8")
    return cases


def cases_of(act: str, calls: Sequence[tuple[str, str]]) -> list[Case]:
    """Every case of an act that made these calls (service and action, in order)."""
    seen: dict[tuple[str, str], int] = {}
    cases = [Case(act, kind) for kind in (TWO_GUARDS, PERSON, DEAD_LOCK)]
    cases += [Case(act, SOLD_OUT)] if act == RESTORE else []
    for service, action in calls:
        nth = seen[service, action] = seen.get((service, action), -1) + 1
        cases += [Case(act, kind, service, action, nth) for kind in (DENIED, CUT, KILLED)]
    return sorted(cases)


@functools.cache
def _recorded() -> Path:
    """The worlds, recorded once for a process; a whole run hands its own to its processes (CHATGLM_GUARD_WORLDS)."""
    given = os.environ.get("CHATGLM_GUARD_WORLDS")
    if given:
        return Path(given)
    folder = Path(tempfile.mkdtemp(prefix="guard-worlds-"))
    record(folder)
    return folder


def cases() -> list[Case]:
    """Every case; the worlds are recorded first where they were not yet."""
    rows = json.loads((_recorded() / "cases.json").read_text(encoding="utf-8"))
    return [Case(**row) for row in rows]


def run(case: Case) -> Verdict:
    """Live one case on a copy of the world as it was before."""
    with tempfile.TemporaryDirectory(prefix="guard-") as temporary:
        folder = Path(temporary) / "world"
        shutil.copytree(_recorded() / case.act, folder, symlinks=True)
        with open_world(folder) as world:
            return _live(case, world)


def _live(case: Case, world: World) -> Verdict:
    wanted = _WANTED[case.act]
    machines, images = world.machines(), world.normal_images()
    work = Work(machine_id=machines[0].instance_id) if machines else Work(image_id=images[0].id)
    said: list[str] = []
    with Watch(world, work.is_safe) as watch:
        said.append(_with_fault(case, world))
        world.served.control.clear_faults()
        broken = ["no look was made"]
        for number in range(1, _LOOKS + 1):
            last = _look(world, case.act, number * _APART_SECONDS)
            said.append(f"--- look {number} after it\n{last.text}")
            # Done is what the next look finds nothing to do at.
            broken = [_missing(world, wanted), *_after(last, wanted)]
            if not any(broken):
                break
    broken.append(watch.broken)
    if any("Traceback" in text for text in said):
        broken.append("a traceback was printed")
    return Verdict(case, "; ".join(part for part in broken if part), "\n".join(said))


def _missing(world: World, wanted: Wanted) -> str:
    return shortfall(world, wanted) or ", ".join(orphans(world, wanted))


def _after(last: Result, wanted: Wanted) -> list[str]:
    """What is wrong with a look after which nothing is to be done."""
    expected = '"parked"' if wanted is Wanted.PARKED else '"in-use"'
    return [] if last.ok and f'"id": {expected}' in last.text else [f"the last look did not end with {expected}"]


def _with_fault(case: Case, world: World) -> str:
    control = world.served.control
    if case.kind == DENIED:
        code = "AuthFailure.UnauthorizedOperation"
        control.fault(case.action, "error", service=case.service, code=code, skip=case.nth)
        return _look(world, case.act, 0).text
    if case.kind == CUT:
        kind = "cut_before" if case.action.startswith(_READS) else "cut_after"
        control.fault(case.action, kind, service=case.service, skip=case.nth)
        return _look(world, case.act, 0).text
    if case.kind == KILLED:
        kind = "cut_before" if case.action.startswith(_READS) else "slow"
        control.fault(case.action, kind, service=case.service, skip=case.nth, seconds=_SECONDS_TO_KILL)
        return _killed(world, case.act, lambda: len(world.server.cloud.db.faults) == 0)
    if case.kind == DEAD_LOCK:
        # In the midst of its update, as soon as the engine has taken the lock.
        locks = world.folder / "stack" / "state" / ".pulumi" / "locks"
        return _killed(world, case.act, lambda: any(locks.rglob("*.json")))
    if case.kind == SOLD_OUT:
        zone = str(world.outputs()["zone"])
        control.set_stock(zone, "GN7.2XLARGE32", "SOLD_OUT")
        return _look(world, case.act, 0).text
    if case.kind == TWO_GUARDS:
        both = [_start(world, case.act, 0, f"guard-{number}") for number in range(2)]
        return "\n".join(_end(process).text for process in both)
    # A person's pulumi up, begun at the same moment; the stack's file says running.
    process = _start(world, case.act, 0)
    person = world.stack.start("up")
    texts = [_end(process).text, _end(person).text]
    return "\n".join(texts)


def _killed(world: World, act: str, met: object) -> str:
    process = _start(world, act, 0)
    reached = wait_until(lambda: bool(met()) or process.poll() is not None, HANG_SECONDS)  # type: ignore[operator]
    if process.poll() is not None:
        return f"{_end(process).text}(ended before it could be killed)\n"
    kill(process)
    # The call that was under way ends in the cloud though nobody hears of it.
    wait_until(lambda: False, _SECONDS_TO_KILL + 0.1)
    return "(killed)\n" if reached else "(killed, without having met the fault)\n"


def _start(world: World, act: str, later: float, name: str = "guard") -> subprocess.Popen[str]:
    idle = _IDLE if act == PARK else _USED
    now = time.time() + later
    command = [sys.executable, "-m", "tests.guard.driver", world.stack.stack, str(now), str(idle)]
    return subprocess.Popen(
        [*command, str(world.folder / f"{name}.json")],
        cwd=world.stack.project,
        env={**world.stack.environment, "PYTHONPATH": str(ROOT), "TENCENTCLOUD_READ_RETRY_TIMEOUT": "0",
             "TENCENTCLOUD_WRITE_RETRY_TIMEOUT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )  # fmt: skip


def _end(process: subprocess.Popen[str]) -> Result:
    try:
        text, _ = process.communicate(timeout=HANG_SECONDS)
    except subprocess.TimeoutExpired:
        kill(process)
        return Result(-1, "(did not end, killed)\n")
    return Result(process.returncode, text)


def _look(world: World, act: str, later: float) -> Result:
    """One look of the guard, `later` seconds from now by its clock."""
    return _end(_start(world, act, later))


def _demand(result: Result) -> None:
    if not result.ok:
        raise RuntimeError(result.text)
