"""The kinds of faults, and which calls each is tried at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

READS = ("Describe", "Inquiry")
_SECONDS_TO_KILL = 0.5


class Ending(Enum):
    """What becomes of the engine while the fault lasts."""

    LEFT = "left to itself"
    KILLED = "killed, with program and plug-in, while the call is under way"
    PLUGIN_KILLED = "its plug-in alone killed, while the call is under way"
    PATIENT = "interrupted as by Ctrl-C when it does not end by itself"


@dataclass(frozen=True)
class Kind:
    """One way in which a call goes wrong. `fault` is the local cloud's word for it."""

    name: str
    fault: str
    ending: Ending = Ending.LEFT
    times: int = 1
    codes: dict[str, str] | None = None  # by service; None: the fault needs none
    actions: tuple[str, ...] = ()  # empty: every call
    writes_only: bool = False  # a read has no effect, so that "after it" is no case of its own

    @property
    def seconds(self) -> float:
        return _SECONDS_TO_KILL if self.ending in (Ending.KILLED, Ending.PLUGIN_KILLED) else 0.0

    def applies_to(self, action: str) -> bool:
        if self.writes_only and action.startswith(READS):
            return False
        return not self.actions or action in self.actions

    def code(self, service: str, action: str) -> str | None:
        if self.codes is None:
            return None
        return self.codes.get(action) or self.codes.get(service) or self.codes["*"]


_INTERNAL = {"*": "InternalError"}
_NOT_FOUND = {
    "cvm": "InvalidInstanceId.NotFound",
    "CreateImage": "InvalidInstanceId.NotFound",
    "DescribeImages": "InvalidImageId.NotFound",
    "DeleteImages": "InvalidImageId.NotFound",
    "cbs": "InvalidSnapshotId.NotFound",
    "*": "ResourceNotFound",
}
_BUSY = {
    "cvm": "OperationDenied.InstanceOperationInProgress",
    "CreateImage": "MutexOperation.TaskRunning",
    "cbs": "ResourceBusy",
    "*": "ResourceInUse",
}

KINDS = (
    Kind("sold-out", "error", codes={"*": "ResourcesSoldOut.SpecifiedInstanceType"}, actions=("RunInstances",)),
    Kind(
        "sold-out-for-ever",
        "error",
        Ending.PATIENT,
        times=-1,
        codes={"*": "ResourceUnavailable.InstanceType"},
        actions=("RunInstances",),
    ),
    Kind("fails-later", "late_failure", actions=("RunInstances", "CreateImage")),
    Kind("throttled", "throttle"),
    Kind("internal-error", "error", codes=_INTERNAL),
    Kind("internal-error-for-ever", "error", Ending.PATIENT, times=-1, codes=_INTERNAL),
    Kind("not-found", "error", codes=_NOT_FOUND),
    Kind("in-progress", "error", codes=_BUSY),
    Kind("cut-before", "cut_before"),
    Kind("cut-after", "cut_after", writes_only=True),
    Kind("lost-answer", "lost_answer"),
    Kind("killed-before", "cut_before", Ending.KILLED),
    Kind("killed-after", "slow", Ending.KILLED, writes_only=True),
    Kind("plugin-killed", "slow", Ending.PLUGIN_KILLED, writes_only=True),
)


@dataclass(frozen=True, order=True)
class Case:
    """A fault of one kind at the `nth` call (from 0) of one action in one transition."""

    transition: str
    service: str
    action: str
    nth: int
    kind: str

    def __str__(self) -> str:
        return f"{self.transition}/{self.action}-{self.nth}/{self.kind}"


def cases_of(transition: str, calls: Iterable[tuple[str, str]]) -> list[Case]:
    """Every case of a transition that made these calls (service and action, in order)."""
    seen: dict[tuple[str, str], int] = {}
    cases = []
    for service, action in calls:
        nth = seen[service, action] = seen.get((service, action), -1) + 1
        cases += [Case(transition, service, action, nth, kind.name) for kind in KINDS if kind.applies_to(action)]
    return sorted(cases)
