"""The one decision of whoever guards a machine, on it or outside of it. Pure: a look and rules in, a decision out.

What is not known is taken for use, so that a guard that cannot see ends nothing.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

#: Tencent bills by China's days, and the times of day in the settings are China's, which knows no summer time.
CHINA = datetime.timezone(datetime.timedelta(hours=8))

# What can count as use (the names of `chatglm:guardUses`).
DEMO, API, GPU, LOGIN = "demo", "api", "gpu", "login"
USES = (DEMO, API, GPU, LOGIN)

TRAINING, EVALUATION = "training", "evaluation"

# What stands.
RUNNING, PARKED, RECLAIMED, RESTORING, UNSEEN = "running", "parked", "reclaimed", "restoring", "unseen"

# What is to be done.
STAY, WARN, PARK, RESTORE, RESUME = "stay", "warn", "park", "restore", "resume"

#: A clock that moved by more than this (seconds) against the one that cannot jump is not believed in that look.
JUMP_SECONDS = 120.0
#: A time of day that nobody carried out is still due for so long (seconds), where no other one follows before.
DUE_SECONDS = 12 * 3600.0
#: How much later (seconds) the guard outside parks an idle machine that has a guard of its own.
OUTSIDE_GRACE_SECONDS = 600.0
#: The wait after a first failed try (seconds); it doubles with each of the last hour.
BACK_OFF_SECONDS = 60.0

Part = str | int | float


@dataclass(frozen=True)
class Reason:
    """Why, as an id and its parts; `guest.unattended.words` says it in Chinese and English."""

    id: str
    parts: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """`saves`: a training is first stopped in order, so that its checkpoint of the next step is whole.

    `seconds`: until the park of which a warning tells, or until a try that is held back.
    """

    act: str
    reason: Reason
    saves: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class Task:
    """What keeps the GPU by somebody's order: a training or an evaluation."""

    kind: str
    run: str = ""


@dataclass(frozen=True)
class Unfinished:
    """A park or restore that a guard began `seconds` ago and of which no end is known: it was cut off."""

    act: str
    seconds: float


@dataclass(frozen=True)
class Look:
    """What is seen at one moment. Times are aware, lengths seconds, money CNY.

    `idle`: for each kind of use the seconds since the last one, by a clock that cannot jump; at most since the start
    of Windows where there was none. A kind that is missing or None could not be measured. `seen` is False where the
    machine did not answer: nothing is known of its use or of a task.
    `since`: when what stands began to stand. `warned`: for how long the warning has been shown, None without one.
    `clock_moved`: by how much the clock of `now` moved against the monotonic one since the last look.
    `spent_today`, `spent_this_month`: None where unknown. `hourly`: what the machine costs an hour, 0 where unknown.
    `interrupted`: the run of a training that a reclaim or a guard's park ended, else empty.
    `tries`: seconds since each failed try of the last hour to park the machine, bring it back or resume.
    """

    now: datetime.datetime
    stands: str
    since: datetime.datetime | None = None
    seen: bool = True
    idle: Mapping[str, float | None] = field(default_factory=dict)
    task: Task | None = None
    interrupted: str = ""
    warned: float | None = None
    clock_moved: float = 0.0
    spent_today: float | None = None
    spent_this_month: float | None = None
    hourly: float = 0.0
    tries: tuple[float, ...] = ()
    unfinished: Unfinished | None = None
    outside: bool = False


@dataclass(frozen=True)
class Rules:
    """What the settings say. Zero and None: off. Times of day are minutes after China's midnight."""

    idle_seconds: float = 0.0
    warn_seconds: float = 600.0
    uses: tuple[str, ...] = USES
    park_at: int | None = None
    restore_at: int | None = None
    restore_after_reclaim: bool = False
    budget_per_day: float = 0.0
    budget_per_month: float = 0.0
    tries_per_hour: int = 6
    own_guard: bool = False

    @property
    def off(self) -> bool:
        """Whether nothing is ever to be done."""
        times = self.park_at is not None or self.restore_at is not None
        budgets = self.budget_per_day > 0 or self.budget_per_month > 0
        return not (self.idle_seconds > 0 or times or budgets or self.restore_after_reclaim)


def decide(look: Look, rules: Rules) -> Decision:
    """What is to be done now, and why."""
    if rules.off and look.unfinished is None:
        return _stay("off")
    if abs(look.clock_moved) > JUMP_SECONDS:
        return _stay("clock-jumped", seconds=round(look.clock_moved))
    if look.stands == UNSEEN:
        return _stay("cloud-unseen")
    if look.stands == RESTORING:
        return _go_on(look, rules) or _stay("restoring")
    if look.stands in (PARKED, RECLAIMED):
        return _away(look, rules)
    if look.stands == RUNNING:
        return _running(look, rules)
    return _stay("nothing-stands")


def idle_seconds(look: Look, rules: Rules) -> float | None:
    """For how long nothing that counts as use was seen; None where that is not known."""
    if not look.seen or not rules.uses:
        return None
    each = [look.idle.get(kind) for kind in rules.uses]
    known = [seconds for seconds in each if seconds is not None]
    return min(known) if len(known) == len(each) else None


def _running(look: Look, rules: Rules) -> Decision:
    if unfinished := _go_on(look, rules):
        return unfinished
    views = [view for view in (_budget(look, rules), _resumption(look, rules), _evening(look, rules)) if view]
    views.append(_idleness(look, rules))
    acting = [view for view in views if view.act in (PARK, RESUME)] or [view for view in views if view.act == WARN]
    return _try(look, rules, acting[0]) if acting else views[0]


def _go_on(look: Look, rules: Rules) -> Decision | None:
    """Go on with what was cut off. A machine that was used since its image was begun is not ended by that image."""
    if look.unfinished is None:
        return None
    if look.unfinished.act == PARK and look.stands == RUNNING:
        # Any use, also of a kind that keeps no machine from being parked: the image must hold it.
        idle = idle_seconds(look, replace(rules, uses=USES))
        if look.task is None and idle is not None and idle >= look.unfinished.seconds:
            return _try(look, rules, Decision(PARK, Reason("unfinished-park")))
        # An update that wants the machine running also takes note that the image is outdated.
        return _try(look, rules, Decision(RESTORE, Reason("park-given-up")))
    return _try(look, rules, Decision(RESTORE, Reason("unfinished-restore")))


def _away(look: Look, rules: Rules) -> Decision:
    """Whether what is parked or was reclaimed comes back."""
    if look.unfinished is not None and look.unfinished.act == PARK:
        # The machine has ended; what came after it (the older image, the record of it) has not.
        return _try(look, rules, Decision(PARK, Reason("unfinished-park")))
    if look.unfinished is not None:
        wanted = Reason("unfinished-restore")
    elif _due(look, rules.restore_at, rules.park_at):
        wanted = Reason("restore-at", {"time": clock(rules.restore_at)})
    elif look.stands == PARKED:
        return _stay("parked")
    elif not rules.restore_after_reclaim:
        return _stay("reclaimed")
    elif _due(look, rules.park_at, rules.restore_at):
        return _stay("reclaimed-at-night", time=clock(rules.park_at))
    else:
        wanted = Reason("reclaimed-back")
    spent = _overspent(look, rules)
    if spent is not None:
        return Decision(STAY, Reason(f"{spent.id}-keeps-parked", spent.parts))
    return _try(look, rules, Decision(RESTORE, wanted))


def _try(look: Look, rules: Rules, wanted: Decision) -> Decision:
    """The decision, unless too many tries of the last hour failed, or the last one is too near. A warning is none."""
    if wanted.act == WARN:
        return wanted
    recent = [seconds for seconds in look.tries if 0 <= seconds < 3600]
    parts: dict[str, Part] = {"tries": len(recent), "act": wanted.act}
    if len(recent) >= rules.tries_per_hour:
        return Decision(STAY, Reason("too-many-tries", parts), seconds=3600 - max(recent))
    if recent:
        # The looks come a minute apart and never to the second: half a look early is on time.
        wait = BACK_OFF_SECONDS * 2 ** (len(recent) - 1) - min(recent)
        if wait > BACK_OFF_SECONDS / 2:
            return Decision(STAY, Reason("backing-off", {**parts, "seconds": round(wait)}), seconds=wait)
    return wanted


def _overspent(look: Look, rules: Rules, ahead: float = 0.0) -> Reason | None:
    """Which budget is spent, `ahead` CNY from now."""
    month, day = rules.budget_per_month, rules.budget_per_day
    if month > 0 and look.spent_this_month is not None and look.spent_this_month + ahead >= month:
        return Reason("budget-month", {"spent": round(look.spent_this_month, 2), "budget": month})
    if day > 0 and look.spent_today is not None and look.spent_today + ahead >= day:
        return Reason("budget-day", {"spent": round(look.spent_today, 2), "budget": day})
    return None


def _budget(look: Look, rules: Rules) -> Decision | None:
    spent = _overspent(look, rules)
    if spent is not None:
        if not look.seen:
            # A training that cannot be asked to save would lose what it did since its last checkpoint.
            return Decision(STAY, Reason(f"{spent.id}-unseen", spent.parts))
        return Decision(PARK, spent, saves=look.task is not None)
    soon = _overspent(look, rules, ahead=look.hourly * rules.warn_seconds / 3600)
    if soon is not None and look.seen:
        return Decision(WARN, Reason(f"{soon.id}-soon", soon.parts), seconds=rules.warn_seconds)
    return None


def _resumption(look: Look, rules: Rules) -> Decision | None:
    """An interrupted training goes on where nothing else runs."""
    if not (look.interrupted and rules.restore_after_reclaim and look.seen) or look.task is not None:
        return None
    return Decision(RESUME, Reason("interrupted", {"run": look.interrupted}))


def _evening(look: Look, rules: Rules) -> Decision | None:
    """The park at a time of day: it waits for a task, warns beforehand, and does not look for use."""
    if rules.park_at is None:
        return None
    time = clock(rules.park_at)
    if _due(look, rules.park_at, rules.restore_at):
        if not look.seen:
            return _stay("park-at-unseen", time=time)
        if look.task is not None:
            return _stay("park-at-waits", time=time, task=look.task.kind)
        left = _warning_left(look, rules)
        if left > 0:
            return Decision(WARN, Reason("park-at-soon", {"time": time}), seconds=left)
        return Decision(PARK, Reason("park-at", {"time": time}))
    ahead = (_latest(look.now, rules.park_at) + datetime.timedelta(days=1) - look.now).total_seconds()
    if look.seen and look.task is None and ahead <= rules.warn_seconds:
        return Decision(WARN, Reason("park-at-soon", {"time": time}), seconds=ahead)
    return None


def _idleness(look: Look, rules: Rules) -> Decision:
    if look.task is not None:
        return _stay("task", task=look.task.kind, run=look.task.run)
    if rules.idle_seconds <= 0:
        return _stay("in-order")
    idle = idle_seconds(look, rules)
    if idle is None:
        return _stay("use-unknown")
    grace = OUTSIDE_GRACE_SECONDS if look.outside and rules.own_guard else 0.0
    if idle < rules.idle_seconds + grace:
        return _stay("in-use", minutes=int(idle // 60))
    minutes = {"minutes": int(idle // 60)}
    left = _warning_left(look, rules)
    if left > 0:
        return Decision(WARN, Reason("idle-soon", minutes), seconds=left)
    return Decision(PARK, Reason("idle", minutes))


def _due(look: Look, time: int | None, other: int | None) -> bool:
    """Whether a time of day passed while what stands stood, and neither the other time nor half a day since."""
    if time is None or look.since is None:
        return False
    due = _latest(look.now, time)
    if due <= look.since or (look.now - due).total_seconds() >= DUE_SECONDS:
        return False
    return other is None or _latest(look.now, other) < due


def _warning_left(look: Look, rules: Rules) -> float:
    """For how many seconds a warning has yet to stand before the machine is parked."""
    return rules.warn_seconds - (look.warned or 0.0)


def _latest(now: datetime.datetime, minutes: int) -> datetime.datetime:
    """The last moment up to now at which China's clocks showed this time of day."""
    here = now.astimezone(CHINA)
    at = here.replace(hour=minutes // 60, minute=minutes % 60, second=0, microsecond=0)
    return at if at <= here else at - datetime.timedelta(days=1)


def clock(minutes: int | None) -> str:
    """A time of day as a person writes it: 22:30."""
    return "" if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"


def _stay(reason: str, **parts: Part) -> Decision:
    return Decision(STAY, Reason(reason, parts))
