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
    lags: bool = False  # a read after something was made: before that there is nothing to miss
    with_guests: bool = False  # tried also where the update waits for the machine

    @property
    def seconds(self) -> float:
        return _SECONDS_TO_KILL if self.ending in (Ending.KILLED, Ending.PLUGIN_KILLED) else 0.0

    def applies_to(self, action: str, made: bool) -> bool:
        """Whether it is tried at a call of the action; `made`: the transition has made something before."""
        reads = action.startswith(READS)
        if (self.writes_only and reads) or (self.lags and not (reads and made)):
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
    Kind("cut-after", "cut_after", writes_only=True, with_guests=True),
    Kind("lost-answer", "lost_answer"),
    Kind("killed-before", "cut_before", Ending.KILLED),
    Kind("killed-after", "slow", Ending.KILLED, writes_only=True, with_guests=True),
    Kind("plugin-killed", "slow", Ending.PLUGIN_KILLED, writes_only=True, with_guests=True),
    Kind("unseen-once", "unseen", lags=True),
    Kind("unseen-for-a-minute", "unseen", Ending.PATIENT, times=-1, lags=True),
)
#: How long, in seconds, what was made stays unseen: a minute, in a sweep whose polls are ten times as quick.
UNSEEN_SECONDS = 6.0


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


def cases_of(transition: str, calls: Iterable[tuple[str, str]], guests: bool = False) -> list[Case]:
    """Every case of a transition that made these calls (service and action, in order).

    Where guests are waited for a case takes minutes, so only the kinds that say so are tried there, at writes.
    """
    seen: dict[tuple[str, str], int] = {}
    cases: list[Case] = []
    made = False
    for service, action in calls:
        nth = seen[service, action] = seen.get((service, action), -1) + 1
        kinds = [kind for kind in KINDS if kind.with_guests or not guests]
        cases += [Case(transition, service, action, nth, kind.name) for kind in kinds if kind.applies_to(action, made)]
        made = made or not action.startswith((*READS, "Get"))
    return sorted(cases)
