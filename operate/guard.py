"""The guard outside the machine: one look, one decision, and what it takes to carry it out, under the stack's lock.

It does what `chatglm park` and `chatglm up` do, and nothing else. A guard that is killed leaves its beginning in the
stack's log; the next look goes on from there, on whichever computer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from guest.unattended.decision import PARK, RESTORE, RESUME, STAY, WARN, Decision, Reason, Rules, decide
from guest.unattended.events import BEGUN, CHANGE, DONE, FAILED, GIVEN_UP, GUARD, Event, is_news, of_decision, stamp
from guest.unattended.notices import Delivery, Notice, Notifier
from guest.unattended.words import say_decision
from operate.errors import ExitCode, OperateError
from operate.event_log import MESSAGE, StackLog, read_machine
from operate.guard_clock import Clocks
from operate.guard_look import RECLAIM, Seen, see
from operate.locks import LockedError
from operate.session import Session
from operate.spending import Ledger
from operate.status import gather
from operate.support import mask, secrets_of
from tencent.errors import CloudError
from words import phrase

#: How long a training may take to its next step, its checkpoint included (seconds).
_SAVE_SECONDS = 300.0
#: Reasons to stay of which people are told as well: something waits for them.
_TOLD_THOUGH_STAYING = ("too-many-tries", "budget-day-unseen", "budget-month-unseen", "cloud-unseen")


@dataclass(frozen=True)
class Outcome:
    """What one look came to. `failure` is empty where it was carried out, or nothing was to be."""

    decision: Decision
    failure: str = ""
    deliveries: tuple[Delivery, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        english, chinese = say_decision(self.decision)
        return {
            "act": self.decision.act,
            "reason": {"id": self.decision.reason.id, "parts": dict(self.decision.reason.parts)},
            "says": {"en": english, "zh": chinese},
            "seconds": self.decision.seconds,
            "failure": self.failure or None,
            "notices": [{"to": one.to, "error": one.error or None} for one in self.deliveries],
        }


class Guard:
    """Guards one stack. `opened` opens it anew for every look; `clocks` tells the time and whether it jumped."""

    def __init__(
        self,
        opened: Callable[[], Session],
        clocks: Clocks,
        notifier: Callable[[Session], Notifier],
        show: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._opened = opened
        self._clocks = clocks
        self._notifier = notifier
        self._show = show

    def look(self) -> Outcome:
        """One look, with all that follows from it. Raises OperateError where the stack itself cannot be opened."""
        here = self._opened()
        settings = here.stack.settings
        log = StackLog(here.stack)
        # A clock that jumped in an earlier look has become the one to go by.
        now, moved = self._clocks.look()
        seen = self._see(here, log, now, moved)
        decision = decide(seen.look, settings.guard_rules)
        told = self._note(here, log, seen, decision, now)
        self._show_warning(here, seen, decision)
        if decision.act not in (PARK, RESTORE, RESUME):
            return Outcome(decision, "", told)
        failure, more = self._carry_out(here, log, decision)
        return Outcome(decision, failure, (*told, *more))

    def _see(self, here: Session, log: StackLog, now: float, moved: float) -> Seen:
        cloud = here.cloud() if here.stack.access else None
        status = gather(here.stack, cloud, here.channel)
        self._fetch_events(here, log, status.guest)
        return see(
            status,
            log.events(),
            now,
            clock_moved=moved,
            spent=self._spent(here, log, now),
            runs=lambda: self._runs(here),
        )

    def _fetch_events(self, here: Session, log: StackLog, guest: Mapping[str, Any] | None) -> None:
        """Keep what the machine wrote, before its disk is gone. A machine of an earlier version writes nothing."""
        if guest is None or "unattended" not in guest:
            return
        try:
            log.append_machine(read_machine(here.channel()))
        except OperateError:
            return  # the next look asks again

    def _runs(self, here: Session) -> Mapping[str, Any]:
        if not here.stack.settings.restore_after_reclaim:
            return {}
        try:
            return here.channel().ask("runs")
        except OperateError:
            return {}

    def _spent(self, here: Session, log: StackLog, now: float) -> tuple[float | None, float | None]:
        """CNY of today and of this month; None where there is no budget, or the bill cannot be read."""
        settings = here.stack.settings
        if not (settings.budget_per_day or settings.budget_per_month):
            return None, None
        from operate.cost import read_bill

        try:
            bill = read_bill(here.stack, here.cloud())
            if {"machines", "disks", "snapshots"} & set(bill.failures):
                return None, None  # what could not be looked up would count as ended
            kept = Ledger.read(log.spent())
            ledger = kept.look(bill.items, now)
            if ledger.is_due(kept, now):
                log.write_spent(ledger.as_dict())
        except (CloudError, OperateError):
            return None, None
        return ledger.today(now), ledger.this_month(now)

    def _note(self, here: Session, log: StackLog, seen: Seen, decision: Decision, now: float) -> tuple[Delivery, ...]:
        """Write down what is new, and tell it."""
        machine = here.stack.machine_id
        told: tuple[Delivery, ...] = ()
        if seen.is_news:
            gone = Event(
                stamp(now), GUARD, CHANGE, RECLAIM, Reason("gone", {"machine": machine}), DONE, machine=machine
            )
            log.append(gone)
        event = of_decision(stamp(now), GUARD, decision, machine)
        if is_news(log.kept(), event):
            log.append(event)
            if decision.act != STAY or decision.reason.id in _TOLD_THOUGH_STAYING:
                told = self._tell(here, *say_decision(decision), event)
        return told

    def _show_warning(self, here: Session, seen: Seen, decision: Decision) -> None:
        """On the page, which nobody logs in for, and in `status`. A machine of an earlier version shows none."""
        guest = seen.status.guest or {}
        shown = (guest.get("unattended") or {}).get("outside")
        if "unattended" not in guest or (decision.act != WARN and not shown):
            return
        english, chinese = say_decision(decision, openly=True)
        try:
            here.channel().ask("warn", {"text": f"{chinese} · {english}" if decision.act == WARN else ""})
        except OperateError as error:
            here.output.say(phrase("The machine could not be told of the warning: {reason}", reason=error.message))

    def _carry_out(self, here: Session, log: StackLog, decision: Decision) -> tuple[str, tuple[Delivery, ...]]:
        """Do it. Gives why it failed, empty where it did not, and who was told."""
        begun = self._event(here, decision, BEGUN)
        log.append(begun)
        try:
            if decision.act == RESUME:
                here.channel().ask("train", {"resume": decision.reason.parts["run"]}, seconds=_SAVE_SECONDS)
            else:
                if decision.saves:
                    self._save(here)
                self._update(here, decision)
        except (OperateError, CloudError) as error:
            told = error.message if isinstance(error, OperateError) else str(error)
            failure = mask(told, secrets_of(here.stack))
            # Whoever holds the lock works on the stack: nothing of ours was begun.
            held = isinstance(error, LockedError)
            ended = replace(self._event(here, decision, GIVEN_UP if held else FAILED), detail=_short(failure))
        else:
            failure = ""
            ended = self._event(here, decision, DONE)
        log.append(ended)
        english, chinese = ended.words()
        return failure, self._tell(here, english, chinese, ended)

    def _save(self, here: Session) -> None:
        """Let a training end in order, so that its next step's checkpoint is whole; it goes on after the restore."""
        stopped = here.channel().ask("stop-training", {"machineEnds": True}, seconds=_SAVE_SECONDS)
        if stopped.get("stopped"):
            saved = {"run": stopped["stopped"], "checkpoint": stopped.get("newestCheckpoint")}
            here.output.say(phrase("Run {run} is saved at checkpoint {checkpoint}.", **saved))

    def _update(self, here: Session, decision: Decision) -> None:
        """The update of `chatglm park` or `chatglm up`. A lock whose engine is known to be dead is freed first."""
        from operate.updates import STATE, Command, Update

        command = Command.PARK if decision.act == PARK else Command.UP
        message = MESSAGE + say_decision(decision)[0]
        # The stack's file takes the new word only when it is true: where this fails, a person's next pulumi up must not
        # carry on with what they never asked for.
        once = {STATE: command.wanted or ""}
        update = Update(here.stack, command, once, here.output.say, message)
        try:
            update.carry_out(here.output.say, self._show)
        except LockedError as error:
            if not error.dead:
                raise
            here.output.say(phrase("{message} It is freed: nothing works there any more.", message=error.message))
            update.free_lock()
            update.carry_out(here.output.say, self._show)
        update.keep_word()

    def _tell(self, here: Session, english: str, chinese: str, event: Event) -> tuple[Delivery, ...]:
        notice = Notice(here.stack.name, english, chinese, event.as_dict())
        return tuple(self._notifier(here).send(notice))

    def _event(self, here: Session, decision: Decision, outcome: str) -> Event:
        now = self._clocks.now()
        return Event(stamp(now), GUARD, CHANGE, decision.act, decision.reason, outcome, machine=here.stack.machine_id)


def nothing_to_guard(rules: Rules) -> OperateError | None:
    """Why a guard has nothing to do, as one plain message; None where it has."""
    if not rules.off:
        return None
    return OperateError(
        phrase("Nothing says when this stack is to be parked or brought back."),
        phrase(
            "Set one or more of idleMinutes, parkAt, restoreAt, restoreAfterReclaim, budgetPerDay, budgetPerMonth: "
            "pulumi config set chatglm:idleMinutes 30"
        ),
        ExitCode.BAD_INPUT,
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 300 else f"{line[:299]}…"
