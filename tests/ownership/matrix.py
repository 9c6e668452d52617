"""The matrix: how another state stands to the first, at which stage of its life, and what each command of it may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Relation(Enum):
    """What the other state is."""

    FRESH = "fresh"  # another computer, nothing in its state, the same stack name
    STALE = "stale-copy"  # a copy of the first state that is one update behind
    RENAMED = "renamed"  # the first state itself, after `pulumi stack rename`
    LOST = "lost-state"  # the first state is gone; the other is told to take its place
    REGION = "other-region"  # the first state itself, looked at from another region
    ACCOUNT = "other-account"  # the first state itself, with another account's keys
    USER = "sub-account"  # a colleague's fresh state of that name, with the keys of a user of the same account


class Stage(Enum):
    """Where the first state has got to."""

    RUNNING = "running"  # restored from its image a moment ago
    PARKED = "parked"
    DESTROYED = "destroyed-kept"


class Act(Enum):
    """What the other one runs."""

    UP = "up"
    PARK = "park"
    DESTROY = "destroy"


class Outcome(Enum):
    """What may become of what the first state has."""

    REFUSED = "refused in words; nothing changes"
    NOTHING = "goes through; nothing changes"
    OWN = "launches a machine of its own; what the first has stays as it is"
    TAKES = "has the first one's work by now"
    WORKS = "works as the first, because it is the first"


@dataclass(frozen=True)
class Expected:
    """`says` must stand in what is printed. `first_says`: in what the first state is told afterwards."""

    outcome: Outcome
    says: tuple[str, ...] = ()
    first_says: str = ""


@dataclass(frozen=True)
class Case:
    relation: Relation
    stage: Stage
    act: Act

    def __str__(self) -> str:
        return f"{self.relation.value}/{self.stage.value}/{self.act.value}"


_ANOTHERS = "has this stack's name but another owner"
_NOTHING_TO_PARK = "neither a machine to park nor an image"
_OLDER = "This state is an older copy"
_KEPT = "was kept by an earlier destroy under this name: it is taken over"
_TAKEN = "was taken over"
_WORD = "pulumi config set chatglm:adopt"
_STAYS = "stays, and costs money, in"
_STILL = "stays where it is and costs money: this run takes nothing over"

_LIVES = "This stack lives in account"
_KEYS, _SET_REGION = "give keys of the account", "pulumi config set tencentcloud:region ap-guangzhou"

_R, _S, _A, _O = Relation, Stage, Act, Outcome

_AS_FRESH: dict[tuple[Stage, Act], Expected] = {
    (_S.RUNNING, _A.UP): Expected(_O.OWN, (_ANOTHERS, _WORD), _ANOTHERS),
    (_S.RUNNING, _A.PARK): Expected(_O.REFUSED, (_NOTHING_TO_PARK, _ANOTHERS, _WORD)),
    (_S.RUNNING, _A.DESTROY): Expected(_O.NOTHING, (_ANOTHERS,)),
    (_S.PARKED, _A.UP): Expected(_O.OWN, (_ANOTHERS, _WORD), _ANOTHERS),
    (_S.PARKED, _A.PARK): Expected(_O.REFUSED, (_NOTHING_TO_PARK, _ANOTHERS, _WORD)),
    (_S.PARKED, _A.DESTROY): Expected(_O.NOTHING, (_ANOTHERS,)),
    (_S.DESTROYED, _A.UP): Expected(_O.TAKES, (_KEPT,)),
    (_S.DESTROYED, _A.PARK): Expected(_O.TAKES, (_KEPT,)),
    (_S.DESTROYED, _A.DESTROY): Expected(_O.NOTHING, (_STILL,)),
}

EXPECTED: dict[Case, Expected] = {
    **{Case(relation, *rest): row for relation in (_R.FRESH, _R.USER) for rest, row in _AS_FRESH.items()},
    **{
        Case(relation, stage, act): Expected(_O.REFUSED, (_LIVES, way))
        for relation, way in ((_R.REGION, _SET_REGION), (_R.ACCOUNT, _KEYS))
        for stage in (_S.RUNNING, _S.PARKED)
        for act in Act
    },
    # An ended stack lives nowhere: it may begin in another place, and its image stays where it lies.
    Case(_R.REGION, _S.DESTROYED, _A.UP): Expected(_O.OWN),
    Case(_R.REGION, _S.DESTROYED, _A.PARK): Expected(_O.REFUSED, (_NOTHING_TO_PARK,)),
    Case(_R.REGION, _S.DESTROYED, _A.DESTROY): Expected(_O.REFUSED, (_NOTHING_TO_PARK,)),
    Case(_R.ACCOUNT, _S.DESTROYED, _A.UP): Expected(_O.OWN),
    Case(_R.ACCOUNT, _S.DESTROYED, _A.PARK): Expected(_O.REFUSED, (_NOTHING_TO_PARK,)),
    Case(_R.ACCOUNT, _S.DESTROYED, _A.DESTROY): Expected(_O.REFUSED, (_NOTHING_TO_PARK,)),
    **{
        Case(_R.STALE, stage, act): Expected(_O.REFUSED, (_OLDER, _WORD))
        for stage in (_S.RUNNING, _S.PARKED)
        for act in Act
    },
    # Whose state ended nobody's any more: a copy of it may begin where it ended.
    Case(_R.STALE, _S.DESTROYED, _A.UP): Expected(_O.REFUSED, (_KEPT, "of this state is gone", "pulumi up --refresh")),
    Case(_R.STALE, _S.DESTROYED, _A.PARK): Expected(_O.TAKES, (_KEPT,)),
    Case(_R.STALE, _S.DESTROYED, _A.DESTROY): Expected(_O.NOTHING, (_STAYS,)),
    Case(_R.RENAMED, _S.RUNNING, _A.UP): Expected(_O.WORKS),
    Case(_R.RENAMED, _S.RUNNING, _A.PARK): Expected(_O.WORKS),
    Case(_R.RENAMED, _S.RUNNING, _A.DESTROY): Expected(_O.REFUSED, ("was not terminated", "Park it first")),
    Case(_R.RENAMED, _S.PARKED, _A.UP): Expected(_O.WORKS),
    Case(_R.RENAMED, _S.PARKED, _A.PARK): Expected(_O.WORKS),
    Case(_R.RENAMED, _S.PARKED, _A.DESTROY): Expected(_O.WORKS, (_STAYS,)),
    # An ended stack has no state that could be renamed: the image lies under the name that it was kept by.
    Case(_R.RENAMED, _S.DESTROYED, _A.UP): Expected(_O.OWN, (_WORD,)),
    Case(_R.RENAMED, _S.DESTROYED, _A.PARK): Expected(_O.REFUSED, (_NOTHING_TO_PARK, _WORD)),
    Case(_R.RENAMED, _S.DESTROYED, _A.DESTROY): Expected(_O.REFUSED, (_NOTHING_TO_PARK, _WORD)),
    Case(_R.LOST, _S.RUNNING, _A.UP): Expected(_O.TAKES, ("is taken over from the state",), _TAKEN),
    Case(_R.LOST, _S.RUNNING, _A.PARK): Expected(_O.TAKES, ("is taken over from the state",), _TAKEN),
    Case(_R.LOST, _S.RUNNING, _A.DESTROY): Expected(_O.NOTHING, ("a destroy takes nothing over",)),
    Case(_R.LOST, _S.PARKED, _A.UP): Expected(_O.TAKES, ("is taken over from the state",), _TAKEN),
    Case(_R.LOST, _S.PARKED, _A.PARK): Expected(_O.TAKES, ("is taken over from the state",), _TAKEN),
    Case(_R.LOST, _S.PARKED, _A.DESTROY): Expected(_O.NOTHING, ("a destroy takes nothing over",)),
    Case(_R.LOST, _S.DESTROYED, _A.UP): Expected(_O.TAKES, (_KEPT,)),
    Case(_R.LOST, _S.DESTROYED, _A.PARK): Expected(_O.TAKES, (_KEPT,)),
    Case(_R.LOST, _S.DESTROYED, _A.DESTROY): Expected(_O.NOTHING, (_STILL,)),
}
