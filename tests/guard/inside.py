"""The machine's own guard, killed, denied and cut off at every call of a park, and beside others.

`cases()` lists them and `run(case)` lives one: real calls to a local cloud, real files on the disk that the image is
made of. The clock is the machine's own, so that nobody waits for it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from guest.serving import state
from guest.unattended.record import COMPLETE, read_record
from tencent.permissions import role_policy
from tests.guard.beside import Person, inside_of, told_world
from tests.guard.machine import IDENTITY, ROLE, WORK, WORK_BYTES, Inside, guarded
from tests.localcloud.conftest import Served

KILLED_BEFORE, KILLED_AFTER = "killed-before", "killed-after"
CUT_BEFORE, CUT_AFTER, CUT_OFF = "cut-before", "cut-after", "cut-off"
DENIED, EXPIRED, RESTARTED, SERVED, FAILS = (
    "denied",
    "keys-expired",
    "windows-restarted",
    "somebody-serves",
    "fails-later",
)
KINDS = (KILLED_BEFORE, KILLED_AFTER, CUT_BEFORE, CUT_AFTER, CUT_OFF, DENIED, EXPIRED, RESTARTED, SERVED)
#: A person's `pulumi up` begins at the call, with chatglm:state parked or running.
PARKS_BESIDE, RUNS_BESIDE = "a-persons-park", "a-persons-up"
_BESIDE = {PARKS_BESIDE: "parked", RUNS_BESIDE: "running"}
_METADATA = "metadata"
#: Looks of a minute each, the pauses after parks that were given up included.
_MINUTES = 400
_DAY = 86_400.0


@dataclass(frozen=True, order=True)
class Case:
    """A fault at the `nth` call (from 0) of one action, in the calls of one park."""

    kind: str
    action: str
    nth: int

    def __str__(self) -> str:
        return f"inside/park/{self.action}-{self.nth}/{self.kind}"


@dataclass(frozen=True)
class Verdict:
    """`broken` is empty where nothing was lost, nothing left, nothing made twice, and the next look went on."""

    case: Case
    broken: str
    said: str


class Killed(BaseException):
    """The guard's process is gone."""


@dataclass
class Line:
    """The machine's way out: counts its calls, and breaks at one."""

    fault: Callable[[Callable[[], Any], str], Any] | None = None
    case: Case | None = None
    calls: list[str] = field(default_factory=list)
    after: Callable[[], None] = lambda: None
    alive: Callable[[], bool] = lambda: True
    down: bool = False

    def open(self, request: Any, timeout: float) -> Any:
        opener = urllib.request.OpenerDirector.open
        action = request.get_header("X-tc-action") if isinstance(request, urllib.request.Request) else _METADATA
        nth = self.calls.count(action)
        self.calls.append(action)
        if not self.alive():
            raise Killed
        if self.down:
            raise OSError("the line is down")

        def really() -> Any:
            try:
                return opener(self._plain, request, timeout=timeout)
            finally:
                self.after()

        if self.case and self.fault and (action, nth) == (self.case.action, self.case.nth):
            return self.fault(really, action)
        return really()

    @contextmanager
    def between(self) -> Iterator[None]:
        """Stand between the machine and everything that it asks."""
        self._plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with patch("urllib.request.build_opener", lambda *_: self):
            yield


@functools.cache
def _park() -> tuple[str, ...]:
    """The calls of a park that nothing disturbs."""
    with _cloud() as served, guarded(served) as inside:
        line = Line()
        with line.between():
            guard = inside.guard()
            inside.look(guard, 40)
            line.calls.clear()
            if not inside.look(guard, 20):
                raise RuntimeError(f"The machine does not park itself: {inside.told()}")
        return tuple(line.calls)


def cases() -> list[Case]:
    """Every kind at every call of a park. What the metadata service says is denied to nobody, and has no keys."""
    found = []
    for place, action in enumerate(_park()):
        nth = _park()[:place].count(action)
        # A machine that was told to end is off before it hears of it.
        beside = () if "TerminateInstances" in _park()[:place] else _BESIDE
        fitting = [kind for kind in (*KINDS, *beside) if action != _METADATA or kind not in (DENIED, EXPIRED)]
        found += [Case(kind, action, nth) for kind in fitting]
    return [*found, *(Case(FAILS, "CreateImage", nth) for nth in range(_park().count("CreateImage")))]


def run(case: Case) -> Verdict:
    """Live one case."""
    if case.kind in _BESIDE:
        return _run_beside(case)
    with _cloud() as served, guarded(served) as inside:
        trial = _Trial(inside, case)
        try:
            trial.live()
        except Exception as error:
            return Verdict(case, f"{type(error).__name__}: {error}", trial.said)
        return Verdict(case, trial.broken, trial.said)


def _run_beside(case: Case) -> Verdict:
    said = ""
    try:
        with told_world() as world, inside_of(world) as inside:
            person = Person(world, _BESIDE[case.kind])

            def begin(really: Callable[[], Any], _: str) -> Any:
                person.begin()
                return really()

            line = Line(begin)
            with line.between():
                guard = inside.guard()
                inside.look(guard, 36)
                line.case, line.alive = case, lambda: _is_on(inside)
                line.calls.clear()
                with contextlib.suppress(Killed):
                    inside.look(guard, 20)
            said = person.end()
            return Verdict(case, person.judge(inside), said)
    except Exception as error:
        return Verdict(case, f"{type(error).__name__}: {error}", said)


def _is_on(inside: Inside) -> bool:
    """Whether anything can run on the machine: an update that captures it has the power off."""
    cloud = inside.served.server.cloud
    with cloud.lock:
        machine = cloud.db.instances.get(inside.instance_id)
        return machine is not None and machine.state == "RUNNING"


@dataclass
class _Trial:
    inside: Inside
    case: Case
    broken: str = ""

    def live(self) -> None:
        inside = self.inside
        line = Line(self._break, after=self._watch)
        self.line = line
        with line.between():
            guard = inside.guard()
            inside.look(guard, 40)
            # The calls of the park itself are counted.
            line.calls.clear()
            line.case = self.case
            for _ in range(_MINUTES):
                try:
                    ending = guard.step()
                except Killed:
                    guard, ending = inside.guard(), False
                self._mend()
                self._judge_work(ending)
                if ending:
                    break
                inside.sleep(60)
        self._judge_end()

    def _break(self, really: Callable[[], Any], action: str) -> Any:
        kind, control = self.case.kind, self.inside.served.control
        if kind == KILLED_BEFORE:
            raise Killed
        if kind == KILLED_AFTER:
            really().close()
            raise Killed
        if kind == CUT_BEFORE:
            raise OSError("cut off before it was sent")
        if kind == CUT_AFTER:
            really().close()
            raise OSError("cut off before the answer came")
        if kind == CUT_OFF:
            self.line.down = True
            raise OSError("the line is down")
        if kind == DENIED:
            control.deny(f"cvm:{action}", principal=ROLE)
        elif kind == EXPIRED:
            control.advance(_DAY)
        elif kind == RESTARTED:
            os.environ["CHATGLM_REHEARSAL_BOOT"] = "another start of Windows"
            state.want(self.inside.root, state.RUNNING)
            raise Killed
        elif kind == SERVED:
            state.want(self.inside.root, state.RUNNING)
        elif kind == FAILS:
            control.fault("CreateImage", "late_failure")
        return really()

    def _mend(self) -> None:
        """What was wrong is set right once the guard has given up, or gone on."""
        if self.line.down:
            self.line.down = False
        if self.case.kind == DENIED and any(one.effect == "deny" for one in self.inside.served.control.policies()):
            self.inside.served.control.clear_policies()
            self.inside.served.control.add_policy(role_policy(IDENTITY), principal=ROLE)

    def _watch(self) -> None:
        """After each call: the work is on its machine, or in an image that is whole."""
        inside = self.inside
        with inside.served.server.cloud.lock:
            images = [image for image in inside.served.server.cloud.db.images if image.state == "NORMAL"]
            alive = any(
                machine.instance_id == inside.instance_id and machine.state not in ("TERMINATING", "SHUTDOWN")
                for machine in inside.served.server.cloud.db.instances
            )
        if not alive and not images:
            self.broken = self.broken or "neither the machine nor an image of it exists"

    def _judge_work(self, ending: bool) -> None:
        """A machine that is not parking itself works: its demo is wanted."""
        record = read_record(self.inside.root)
        resting = record is not None and record.is_under_way
        if not ending and not resting and self.inside.wanted != state.RUNNING:
            self.broken = self.broken or "the machine neither parks itself nor works"

    def _judge_end(self) -> None:
        if self.broken:
            return
        inside, served = self.inside, self.inside.served
        calls = [one for one in served.control.journal() if one.error is None]
        ended = sum(one.action == "TerminateInstances" for one in calls)
        images = inside.images()
        if inside.is_alive():
            self.broken = f"the machine did not park itself: {inside.told()}"
        elif len(images) != 1 or images[0]["ImageState"] != "NORMAL":
            self.broken = f"there are {[(one['ImageName'], one['ImageState']) for one in images]}"
        elif inside.imaged(images[0], WORK) != WORK_BYTES:
            self.broken = "the image lacks the work"
        elif json.loads(inside.imaged(images[0], "state/park.json"))["phase"] != COMPLETE:
            self.broken = "the image does not bear the mark"
        elif ended != 1:
            self.broken = f"the machine was told {ended} times to end"

    @property
    def said(self) -> str:
        return json.dumps({"guard": self.inside.told(), "park": self.inside.park()}, ensure_ascii=False)


@contextmanager
def _cloud() -> Iterator[Served]:
    with tempfile.TemporaryDirectory(prefix="guard-inside-") as folder:
        served = Served.start(Path(folder) / "cloud", float("inf"))
        try:
            yield served
        finally:
            served.stop()
