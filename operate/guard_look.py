"""What a guard outside the machine sees, as the decision takes it: cloud, machine, log and bill in one look."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from guest.unattended import decision as rules
from guest.unattended.decision import Look, Task, Unfinished
from guest.unattended.events import BEGUN, CHANGE, DECISION, DONE, FAILED, GIVEN_UP, GUARD, PERSON, Event
from operate.event_log import seconds_since
from operate.status import Status

#: What the guard notes when it finds that the machine is gone.
RECLAIM = "reclaim"
_HOUR = 3600.0
#: States in which a machine is on its way up, whoever sent it.
_COMING = ("PENDING", "STARTING", "REBOOTING")


@dataclass(frozen=True)
class Seen:
    """One look, and what it found that no earlier one had: `is_news` where the machine is found to be gone."""

    look: Look
    status: Status
    is_news: bool = False


def see(
    status: Status,
    events: Sequence[Event],
    now: float,
    *,
    clock_moved: float = 0.0,
    spent: tuple[float | None, float | None] = (None, None),
    runs: Callable[[], Mapping[str, Any]] = dict,
) -> Seen:
    """Put one look together. `events` is the stack's log, `runs` asks the machine for its runs where that matters."""
    own = [event for event in events if event.by == GUARD]
    stands = what_stands(status)
    unfinished = find_unfinished(events, now)
    gone = _gone_since(own, now) if stands == rules.RECLAIMED else None
    guest = status.guest if isinstance(status.guest, Mapping) else None
    task = _task(guest)
    moment = datetime.fromtimestamp(now, UTC)
    look = Look(
        now=moment,
        stands=stands,
        since=_since(status, stands, moment, gone),
        seen=guest is not None,
        idle=_idle(guest),
        task=task,
        interrupted=_interrupted(runs()) if stands == rules.RUNNING and guest is not None and task is None else "",
        warned=_warned(own, status.machine.id if status.machine else "", now),
        clock_moved=clock_moved,
        spent_today=spent[0],
        spent_this_month=spent[1],
        hourly=_number(status.outputs.get("hourlyPrice")),
        tries=tuple(age for event in own if _is_failure(event) and 0 <= (age := seconds_since(event, now)) < _HOUR),
        unfinished=unfinished,
        outside=True,
    )
    return Seen(look, status, stands == rules.RECLAIMED and gone is None)


def what_stands(status: Status) -> str:
    """The decision's word for what stands. A machine that a whole image of it outlived was parked, by whomever."""
    if not status.exists:
        return "none"
    if "machine" in status.unknown or "image" in status.unknown:
        return rules.UNSEEN
    machine, known = status.machine, str(status.outputs.get("machineId") or "")
    if machine is not None and machine.alive:
        installs = status.guest is not None and status.guest.get("phase") not in ("ready", "failed")
        strange = machine.id != known
        return rules.RESTORING if machine.state in _COMING or installs or strange else rules.RUNNING
    outdated = status.outputs.get("outdatedImages") or ()
    if not known:
        return rules.PARKED if status.image is not None or status.outputs.get("captures") else "none"
    image = status.image
    is_of_it = image is not None and image.usable and image.machine_id == known and image.id not in outdated
    return rules.PARKED if is_of_it else rules.RECLAIMED


def find_unfinished(events: Sequence[Event], now: float) -> Unfinished | None:
    """The park or restore that a guard began and of which no good end is known, unless a person changed more since.

    One that another update stood in the way of was never begun.
    """
    pending: list[Event] = []
    for event in events:
        if event.what != CHANGE:
            continue
        if event.by == PERSON and event.outcome == DONE:
            pending = []
        elif event.by == GUARD and event.act in (rules.PARK, rules.RESTORE):
            if event.outcome == BEGUN:
                pending.append(event)
            elif event.outcome == GIVEN_UP and pending:
                pending.pop()
            elif event.outcome == DONE:
                pending = []
    if not pending:
        return None
    # What was tried again and again is of the first try's moment: use since then is in none of its images.
    same = [event for event in pending if event.act == pending[-1].act]
    age = max(seconds_since(same[0], now), 0.0)
    return Unfinished(pending[-1].act, age) if seconds_since(pending[-1], now) < rules.DUE_SECONDS else None


def _since(status: Status, stands: str, now: datetime, gone: float | None) -> datetime | None:
    if stands in (rules.RUNNING, rules.RESTORING) and status.machine is not None:
        return status.machine.created
    if stands == rules.PARKED and status.image is not None:
        return status.image.created
    return now - timedelta(seconds=gone or 0.0)


def _gone_since(own: Sequence[Event], now: float) -> float | None:
    """How long ago the guard noted that the machine is gone; None where it has not, or something was done since."""
    changes = [event for event in own if event.what == CHANGE and event.outcome in ("", DONE)]
    if not changes or changes[-1].act != RECLAIM:
        return None
    return max(seconds_since(changes[-1], now), 0.0)


def _warned(own: Sequence[Event], machine: str, now: float) -> float | None:
    """For how long the warning has stood: the guard's last decision was one, for this machine."""
    last = next((event for event in reversed(own) if event.what == DECISION), None)
    if last is None or last.act != rules.WARN or last.machine != machine:
        return None
    return max(seconds_since(last, now), 0.0)


def _is_failure(event: Event) -> bool:
    return event.what == CHANGE and event.outcome == FAILED


def _idle(guest: Mapping[str, Any] | None) -> dict[str, float | None]:
    use = ((guest or {}).get("unattended") or {}).get("use") or {}
    told = use.get("idleSeconds") if isinstance(use, Mapping) else None
    unknown = use.get("unknown") or () if isinstance(use, Mapping) else ()
    if not isinstance(told, Mapping):
        return {}
    return {
        kind: None if kind in unknown or not isinstance(seconds, int | float) else float(seconds)
        for kind, seconds in told.items()
    }


def _task(guest: Mapping[str, Any] | None) -> Task | None:
    training = (guest or {}).get("training")
    if not isinstance(training, Mapping) or not (training.get("running") or training.get("error")):
        return None
    # Written by a newer version, or neither one nor the other: somebody's work all the same.
    kind = rules.TRAINING if training.get("kind") in ("train", None) else rules.EVALUATION
    return Task(kind, str(training.get("running") or ""))


def _interrupted(told: Mapping[str, Any]) -> str:
    """The newest run that was interrupted and whose person wants it to go on."""
    rows = [row for row in told.get("runs") or () if row.get("state") == "interrupted" and row.get("keepGoing")]
    return str(max(rows, key=lambda row: str(row.get("created")))["run"]) if rows else ""


def _number(told: object) -> float:
    try:
        return float(Decimal(str(told)))
    except InvalidOperation:
        return 0.0
