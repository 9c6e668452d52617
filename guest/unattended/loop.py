"""The machine's own guard: measures its use, warns, and parks the machine.

    python -m guest.unattended.loop

Runs as long as the machine does (a start-up task of Windows). One at a time; a second one ends at once.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from guest.errors import GuestError
from guest.exclusive import HeldError, exclusive
from guest.files import read_json, write_json
from guest.installation import is_installing
from guest.machine import Machine, this_machine
from guest.phrases import joined, phrase, said
from guest.training import gpu_task
from guest.unattended.cloud import Client, Metadata
from guest.unattended.decision import (
    EVALUATION,
    PARK,
    RUNNING,
    STAY,
    TRAINING,
    WARN,
    Decision,
    Look,
    Reason,
    Task,
    decide,
)
from guest.unattended.events import (
    BEGUN,
    CHANGE,
    DONE,
    FAILED,
    FILE,
    MACHINE,
    NOTICE,
    Event,
    is_news,
    of_decision,
    read_events,
    stamp,
    write_event,
)
from guest.unattended.outer import outer_warning
from guest.unattended.park import ENDING_SECONDS, GivenUpError, Parking, back_to_work, wake_restored
from guest.unattended.receivers import tell
from guest.unattended.record import Record, read_record
from guest.unattended.settings import GuardSettings, read_settings
from guest.unattended.told import guard_file
from guest.unattended.use import KINDS, Meter
from guest.unattended.visits import notice_file
from guest.unattended.words import say_decision

POLL_SECONDS = 15.0
#: A machine that is installed or changed is not parked in the midst of it.
INSTALLATION = "installation"
POLL_VARIABLE = "CHATGLM_REHEARSAL_GUARD_SECONDS"
#: After a park that was given up the next try waits, each time longer.
PAUSES = (300.0, 900.0, 1800.0, 3600.0)
#: Images of parks that were given up are looked for so often.
TIDY_SECONDS = 300.0
#: What the page says after a park that failed; `status` and the events have the reason.
_WORKS_ON = (
    "自行停放失败，机器继续运行，原因见 chatglm status · It could not park itself and works on: see chatglm status"
)


class Guard:
    """`wall` is the wall clock, by which only times of day and events go; `clock` never jumps."""

    def __init__(
        self,
        machine: Machine,
        metadata: Metadata,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        meter: Meter | None = None,
    ) -> None:
        self.machine, self._metadata = machine, metadata
        self._clock, self._wall, self._sleep = clock, wall, sleep
        self._meter = meter or Meter(machine, clock=clock)
        self._id: str | None = None
        self._region = ""
        self._clocks: tuple[float, float] | None = None
        self._warned: float | None = None
        self._failures = 0
        self._not_before = self._tidied = float("-inf")
        self._trouble = ""

    def run(self, ended: threading.Event, poll: float) -> None:
        """Look until `ended` is set. A machine that is ending takes this process along, or is looked at again."""
        while not ended.wait(ENDING_SECONDS if self.step() else poll):
            pass

    def step(self) -> bool:
        """One look; whether the machine is ending now."""
        settings = read_settings(self.machine.root)
        self._learn_who()
        if self._id is not None:
            try:
                if self._finish_park(settings):
                    return True
            except (GuestError, OSError) as error:
                self._trouble = said(error)
        idle = self._meter.look(self._id)
        now, moved = self._read_clocks()
        if not settings.role or self._id is None:
            self._tell(None)
            return False
        look = Look(
            now=now,
            stands=RUNNING,
            since=self._since(now),
            idle={kind: idle[kind] for kind in KINDS},
            task=self._task(),
            warned=None if self._warned is None else self._clock() - self._warned,
            clock_moved=moved,
        )
        decision = decide(look, settings.rules)
        self._note_warning(decision)
        self._tell(decision)
        if decision.act == PARK and self._clock() >= self._not_before:
            return self._park(settings, decision)
        if decision.act == STAY and self._trouble and decision.reason.id == "in-use":
            self._trouble, self._failures = "", 0
        return False

    # Parks

    def _finish_park(self, settings: GuardSettings) -> bool:
        """What an earlier life of this guard, or of this disk, has left undone."""
        record = read_record(self.machine.root)
        if record is None or self._id is None:
            return False
        restored = wake_restored(self.machine, record, self._id)
        if restored is not None:
            self._event("restored", DONE, _reason(restored), restored.why)
            return False
        if record.is_under_way:
            if not settings.role:
                self._give_up(record, phrase("The settings say no more that the machine guards itself."))
                return False
            return self._carry_out(lambda: self._parking(settings).go_on(record))
        if record.leftovers and settings.role and self._clock() - self._tidied >= TIDY_SECONDS:
            self._tidied = self._clock()
            try:
                self._parking(settings).tidy(record)
            except GivenUpError as error:
                self._trouble = said(error)
        return False

    def _park(self, settings: GuardSettings, decision: Decision) -> bool:
        self._event(PARK, BEGUN, decision.reason)
        return self._carry_out(lambda: self._parking(settings).begin(decision.reason, saves=decision.saves))

    def _carry_out(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except (GivenUpError, GuestError, OSError) as error:
            record = read_record(self.machine.root)
            self._give_up(record if record and record.is_under_way else None, said(error))
            return False
        return True

    def _give_up(self, record: Record | None, why: str) -> None:
        self._trouble = why
        self._not_before = self._clock() + PAUSES[min(self._failures, len(PAUSES) - 1)]
        self._failures += 1
        self._warned = None
        if record is not None:
            try:
                back_to_work(self.machine, record, why)
            except (GuestError, OSError) as error:
                self._trouble = phrase("{why} What it had ended does not start again: {error}", why=why, error=error)
        self._event(PARK, FAILED, _reason(record) if record else Reason(""), why)
        self._tell(None)

    def _parking(self, settings: GuardSettings) -> Parking:
        client = Client(self._metadata, settings.role, self._region, now=self._wall, sleep=self._sleep)
        assert self._id is not None  # noqa: S101 - who this is was asked before
        return Parking(
            self.machine, client, self._id, lambda: stamp(self._wall()), sleep=self._sleep, clock=self._clock
        )

    # What is seen

    def _learn_who(self) -> None:
        if self._id is None:
            found, region = self._metadata.instance_id(), self._metadata.read("placement/region")
            if found and region:
                self._id, self._region = found, region

    def _task(self) -> Task | None:
        if is_installing(self.machine.root):
            return Task(INSTALLATION)
        try:
            task = gpu_task.current(self.machine)
        except GuestError:
            return Task(TRAINING)  # written by a newer version: somebody's all the same
        return None if task is None else Task(TRAINING if task.kind == "train" else EVALUATION, task.run)

    def _read_clocks(self) -> tuple[datetime.datetime, float]:
        """The wall clock's time, and by how much it moved against the one that cannot jump since the last look."""
        wall, steady = self._wall(), self._clock()
        before, self._clocks = self._clocks, (wall, steady)
        moved = 0.0 if before is None else (wall - before[0]) - (steady - before[1])
        return datetime.datetime.fromtimestamp(wall, datetime.timezone.utc), moved

    def _since(self, now: datetime.datetime) -> datetime.datetime:
        """When this machine was first seen by its guard."""
        told = read_json(guard_file(self.machine.root)) or {}
        if told.get("machine") == self._id:
            try:
                return datetime.datetime.fromisoformat(str(told["since"]))
            except (KeyError, ValueError):
                pass
        return now

    # What is told

    def _note_warning(self, decision: Decision) -> None:
        if decision.act not in (WARN, PARK):
            self._warned = None
        elif decision.act == WARN and self._warned is None:
            self._warned = self._clock()

    def _tell(self, decision: Decision | None) -> None:
        english, chinese = say_decision(decision) if decision else ("", "")
        now = datetime.datetime.fromtimestamp(self._wall(), datetime.timezone.utc)
        told: dict[str, Any] = {
            "schema": 1,
            "machine": self._id,
            "since": self._since(now).isoformat(timespec="seconds"),
            "act": decision.act if decision else None,
            "says": {"en": english, "zh": chinese} if decision else None,
            "seconds": round(decision.seconds) if decision and decision.seconds is not None else None,
            "trouble": self._trouble or None,
        }
        if told != read_json(guard_file(self.machine.root)):
            write_json(guard_file(self.machine.root), told)
        if decision and self._id and self._is_news(decision):
            self._write(of_decision(stamp(self._wall()), MACHINE, decision, self._id))
        text = f"{chinese} · {english}" if decision and decision.act == WARN else ""
        if self._trouble and decision and decision.act in (WARN, PARK):
            # Without the reason, which may name what only the operator is to know: the page tells it before the login.
            text = _WORKS_ON
        text = text or outer_warning(self.machine.root)
        if text != (read_json(notice_file(self.machine.root)) or {}).get("text", ""):
            write_json(notice_file(self.machine.root), {"schema": 1, "text": text})

    def _is_news(self, decision: Decision) -> bool:
        event = of_decision(stamp(self._wall()), MACHINE, decision, self._id or "")
        return is_news(read_events(self.machine.state / FILE), event)

    def _event(self, act: str, outcome: str, reason: Reason, detail: str = "") -> None:
        when = stamp(self._wall())
        self._write(Event(when, MACHINE, CHANGE, act, reason, outcome, detail, self._id or ""))

    def _write(self, event: Event) -> None:
        """Keep an event, and tell whoever is to be told of what happens to the machine."""
        self._keep(event)
        if event.act == STAY:
            return
        english, chinese = event.words()
        for one in tell(self.machine.root, english, chinese, event.as_dict(), self._wall()):
            outcome = FAILED if one.error else DONE
            self._keep(
                Event(
                    event.time,
                    MACHINE,
                    NOTICE,
                    event.act,
                    event.reason,
                    outcome,
                    joined(" ", filter(None, (one.to, one.error))),
                )
            )

    def _keep(self, event: Event) -> None:
        # A full disk must not keep the machine from being parked.
        with contextlib.suppress(OSError):
            write_event(self.machine.state / FILE, event)


def _reason(record: Record) -> Reason:
    return Reason(record.reason, record.parts)


def main() -> int:
    machine = this_machine()
    try:
        with exclusive(machine.state / "guard.lock"):
            poll = float(os.environ.get(POLL_VARIABLE) or POLL_SECONDS)
            Guard(machine, Metadata()).run(threading.Event(), poll)
    except HeldError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
