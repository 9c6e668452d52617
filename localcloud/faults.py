"""Faults that were asked for: each waits for calls of its action and then happens to them."""

from __future__ import annotations

from localcloud.cloud import Cloud
from localcloud.records import Fault

KINDS = {
    "error": "the call fails with `code`, and nothing is done",
    "throttle": "the call fails with RequestLimitExceeded, and nothing is done",
    "cut_before": "the connection is closed, and nothing is done",
    "cut_after": "the call is done, and the connection is closed without an answer",
    "lost_answer": "the call is done, and answered with HTTP status 500",
    "slow": "the call is done after `seconds` real seconds (any other kind waits that long too, if told to)",
    "unseen": "the call does not see what was made in the last `age` cloud seconds, as a search that lags behind",
    "late_failure": "the call is accepted, and what it began fails later (LAUNCH_FAILED, CREATEFAILED)",
}
FOR_EVER = -1


def check_fault(fault: Fault) -> None:
    """Raise ValueError with every mistake in a fault."""
    mistakes = []
    if fault.kind not in KINDS:
        mistakes.append(f"kind: {fault.kind!r} is not one of {', '.join(KINDS)}")
    if fault.kind == "error" and not fault.code:
        mistakes.append("code: an error needs one, such as InternalError")
    if fault.times < 1 and fault.times != FOR_EVER:
        mistakes.append(f"times: {fault.times} is neither 1 or more nor -1 (for ever)")
    if fault.skip < 0:
        mistakes.append(f"skip: {fault.skip} is below 0")
    if not 0 <= fault.seconds <= 600:
        mistakes.append(f"seconds: {fault.seconds} is not from 0 to 600")
    if not 0 <= fault.age <= 86400:
        mistakes.append(f"age: {fault.age} is not from 0 to 86400")
    if not fault.action:
        mistakes.append("action: empty; give an action or * for any")
    if mistakes:
        raise ValueError("; ".join(mistakes))


def take_fault(cloud: Cloud, service: str, action: str) -> Fault | None:
    """The fault that happens to this call, if any; it has one time less afterwards."""
    with cloud.lock:
        if not len(cloud.db.faults):
            return None
        chosen: Fault | None = None
        with cloud.db.transaction():
            for fault in cloud.db.faults:
                if fault.action not in (action, "*") or fault.service not in ("", service):
                    continue
                if fault.skip > 0:
                    cloud.db.faults.change(fault.fault_id, skip=fault.skip - 1)
                elif chosen is None:
                    chosen = fault
                    if fault.times == 1:
                        cloud.db.faults.delete(fault.fault_id)
                    elif fault.times != FOR_EVER:
                        cloud.db.faults.change(fault.fault_id, times=fault.times - 1)
        return chosen
