"""What the page shows, as data: names of words in place of sentences, or sentences in each language.

The page chooses: its reader may have another language than whoever started it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from guest.unattended.events import Event
from operate.cost import Bill
from operate.event_log import worded_event
from operate.status import Status
from words import heard, in_each, phrase

#: Tencent bills by China's day.
_CHINA = timezone(timedelta(hours=8))
#: So many of the last events are shown.
EVENTS = 8
#: The life cycle as the page draws it, in its order.
LIFE = ("launching", "installing", "ready", "parked")
_STAGE_OF = {
    "ready": "ready",
    "no machine": "parked",
    "gone": "reclaimed",
    "failed": "failed",
    "unreachable": "launching",
    "unknown": "unknown",
    "bootstrapping": "installing",
    "waiting": "installing",
}


def view(
    status: Status, bill: Bill | None, gpu: Mapping[str, Any] | None, events: Sequence[Event] = ()
) -> dict[str, Any]:
    """One look, for the page. Amounts are CNY as numbers, null where unknown; times are ISO 8601 in UTC."""
    training = status.training or {}
    progress = training.get("progress") or training
    return {
        "version": 1,
        "time": status.now.isoformat(timespec="seconds"),
        "stack": status.stack,
        "region": status.region,
        "wanted": status.wanted,
        "stage": "parked" if status.parked_itself else _STAGE_OF.get(status.phase, "installing"),
        "notice": _notice(status),
        "machine": None
        if status.machine is None
        else {"id": status.machine.id, "state": status.machine.state, "zone": status.machine.zone},
        "image": None
        if status.image is None
        else {
            "id": status.image.id,
            "state": status.image.state,
            "created": status.image.created.isoformat(),
            "sizeGb": status.image.size_gb,
        },
        "steps": [_step(row) for row in (status.guest or {}).get("steps") or () if isinstance(row, Mapping)],
        "demo": _demo(status),
        "gpu": _gpu(gpu or progress.get("gpu")),
        "training": _training(training, progress) if training else None,
        "cost": _cost(status, bill),
        "events": [_event(event) for event in reversed(events[-EVENTS:])],
        "unknown": [_unknown(what, why) for what, why in status.unknown.items()],
    }


def _notice(status: Status) -> dict[str, str] | None:
    told = in_each(lambda: status.reclaim or status.guard_notice or status.parked_itself)
    return told if any(told.values()) else None


def _unknown(what: str, why: str) -> dict[str, Any]:
    return {"what": in_each(lambda: phrase(what)), "why": why}


def _event(event: Event) -> dict[str, Any]:
    return {"time": event.time, "by": event.by, **worded_event(event)}


def _step(row: Mapping[str, Any]) -> dict[str, Any]:
    error = row.get("error")
    return {
        "name": str(row.get("name")),
        "title": in_each(lambda: heard(row, "title") or str(row.get("name"))),
        "state": str(row.get("state") or "pending"),
        "percent": row.get("percent"),
        "secondsLeft": row.get("secondsLeft"),
        "error": in_each(lambda: heard(error)) if isinstance(error, Mapping) else None,
    }


def _demo(status: Status) -> dict[str, Any]:
    demo = (status.guest or {}).get("demo") or {}
    # The machine's own word is how it reaches the page itself, which leads nobody else there.
    url = status.outputs.get("demoUrl") or demo.get("url")
    return {
        "state": demo.get("state") or "off",
        "model": demo.get("model"),
        # A link may only lead to a page: a machine that lies must not put a script here.
        "url": url if isinstance(url, str) and url.startswith(("http://", "https://")) else None,
        # For comparing with the one that the browser shows before anybody logs in.
        "fingerprint": status.outputs.get("demoFingerprint") or None,
    }


def _gpu(told: Any) -> dict[str, Any] | None:
    """Memory in MiB and use in per cent."""
    if not isinstance(told, Mapping):
        return None
    used, total = told.get("usedBytes"), told.get("totalBytes")
    if not isinstance(used, int | float) or not isinstance(total, int | float) or total <= 0:
        return None
    return {"usedMib": used // 2**20, "totalMib": total // 2**20, "percent": told.get("percent")}


def _training(training: Mapping[str, Any], progress: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "run": str(training.get("run") or training.get("running") or ""),
        "step": progress.get("step"),
        "total": progress.get("total"),
        "secondsLeft": progress.get("secondsLeft"),
        "losses": [pair for pair in progress.get("losses") or () if len(pair) == 2 and pair[1] is not None],
        "heldOut": [pair for pair in progress.get("holdOutLosses") or () if len(pair) == 2 and pair[1] is not None],
    }


def _cost(status: Status, bill: Bill | None) -> dict[str, Any] | None:
    if bill is None:
        return None
    return {
        "hourly": _number(bill.now.hourly),
        "runningMonthly": _number(bill.running.monthly) if not bill.running.unknown else None,
        "parkedMonthly": _number(bill.parked.monthly) if not bill.parked.unknown else None,
        "today": _number(today(status, bill)),
    }


def today(status: Status, bill: Bill) -> Decimal:
    """About what this day has cost so far, CNY: what is billed now, from China's midnight or from the launch on."""
    midnight = status.now.astimezone(_CHINA).replace(hour=0, minute=0, second=0, microsecond=0)
    total = Decimal(0)
    for item in bill.items:
        if item.hourly is None or item.leftover:
            continue
        since = midnight if status.machine is None or item.kind == "snapshot" else _later(midnight, status)
        total += item.hourly * Decimal(str(max((status.now - since).total_seconds(), 0))) / 3600
    return total


def _later(midnight: datetime, status: Status) -> datetime:
    return max(midnight, status.machine.created) if status.machine else midnight


def _number(amount: Decimal) -> float:
    return round(float(amount), 4)
