"""One case of the matrix, with the real engine: the other state runs its command, then the first is asked again."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from localcloud.control_client import KeyView
from tests.ownership.matrix import EXPECTED, Act, Case, Expected, Outcome, Relation, Stage
from tests.stacks import open_stack
from tests.sweep.transitions import Work
from tests.sweep.world import Watch, World, open_world
from tools.workspace import Result, Workspace

#: The transition of the recorded life before which the first state stands at a stage, and the one that it came by.
_BEFORE = {Stage.RUNNING: "second-park", Stage.PARKED: "destroy-keeping", Stage.DESTROYED: "up-after-destroy"}
_BEHIND = {Stage.RUNNING: "restore", Stage.PARKED: "second-park", Stage.DESTROYED: "destroy-keeping"}
#: What the settings said before each of these transitions; the recorded life has set already what comes next.
_STATE = {"restore": "parked", "second-park": "running", "destroy-keeping": "parked", "up-after-destroy": "parked"}


@dataclass(frozen=True)
class Held:
    """What the cloud holds: machines and NORMAL images, each with the owner that it carries."""

    machines: dict[str, str]
    images: dict[str, str]

    @classmethod
    def find(cls, world: World) -> Held:
        machines = {machine.instance_id: machine.tags.get("chatglm-owner", "") for machine in world.machines()}
        images = {image.id: image.tags.get("chatglm-owner", "") for image in world.normal_images()}
        return cls(machines, images)

    @property
    def things(self) -> dict[str, str]:
        return self.machines | self.images


@dataclass(frozen=True)
class Verdict:
    """`broken` is empty where everything was as expected; `said` is what was printed."""

    case: Case
    broken: str
    said: str


def run_case(case: Case, snapshots: Path) -> Verdict:
    """`snapshots` are those of the recorded life (tests/sweep/sweep.py)."""
    with tempfile.TemporaryDirectory(prefix="ownership-") as temporary:
        folder = Path(temporary) / "world"
        shutil.copytree(snapshots / _BEFORE[case.stage], folder, symlinks=True)
        with open_world(folder) as world:
            world.stack.set({"chatglm:state": _STATE[_BEFORE[case.stage]]})
            return _judge(case, world, snapshots)


def _judge(case: Case, world: World, snapshots: Path) -> Verdict:
    expected = EXPECTED[case]
    before = Held.find(world)
    work = Work(next(iter(before.machines), ""), next(iter(before.images), ""))
    other = _other_state(case, world, before, snapshots)
    with Watch(world, work.is_safe) as watch:
        result = _act(case.act, other)
        after = Held.find(world)
        first = _ask_first(case, world, expected)
    said = result.text + (f"--- the first state\n{first.text}" if first else "")
    broken = [
        watch.broken,
        *_misdeeds(case, expected, before, after, result),
        *(f"it did not say {part!r}" for part in expected.says if part not in result.text),
    ]
    if first is not None:
        broken += _first_misdeeds(expected, after, Held.find(world), first)
    return Verdict(case, "; ".join(part for part in broken if part), said)


def _other_state(case: Case, world: World, before: Held, snapshots: Path) -> Workspace:
    folder, settings = world.folder / "other", {"chatglm:waitReady": "false"}
    cloud, port = world.folder / "cloud", world.server.port
    if case.relation is Relation.RENAMED:
        world.stack.pulumi("stack", "rename", "renamed", check=True)
        world.stack.environment["PULUMI_STACK"] = "renamed"
        return world.stack
    if case.relation is Relation.REGION:
        world.stack.set({"tencentcloud:region": "ap-shanghai"})
        return world.stack
    if case.relation is Relation.ACCOUNT:
        world.stack.environment |= _keys(world.served.control.add_account("colleague"))
        return world.stack
    if case.relation is Relation.STALE:
        shutil.copytree(snapshots / _BEHIND[case.stage] / "stack", folder, symlinks=True)
        stale = open_stack(folder, cloud, port)
        stale.set({"chatglm:state": _STATE[_BEHIND[case.stage]]})
        return stale
    other = open_stack(folder, cloud, port, settings)
    if case.relation is Relation.USER:
        other.environment |= _keys(world.served.control.add_user("intern"))
    if case.relation is Relation.LOST:
        named = next(iter({*before.things.values()} - {"released"}), "abcdefghijkm")
        other.set({"chatglm:adopt": named})
    return other


def _keys(key: KeyView) -> dict[str, str]:
    return {"TENCENTCLOUD_SECRET_ID": key.secret_id, "TENCENTCLOUD_SECRET_KEY": key.secret_key}


def _act(act: Act, stack: Workspace) -> Result:
    if act is Act.DESTROY:
        return stack.destroy()
    return stack.up("running" if act is Act.UP else "parked")


def _ask_first(case: Case, world: World, expected: Expected) -> Result | None:
    """An idle `up` of the first state, from where it lives, unless it has ended or just worked."""
    if case.relation is Relation.RENAMED or case.stage is Stage.DESTROYED or expected.outcome is Outcome.WORKS:
        return None
    if case.relation is Relation.REGION:
        world.stack.set({"tencentcloud:region": "ap-guangzhou"})
    if case.relation is Relation.ACCOUNT:
        owner = world.server.keys
        world.stack.environment |= {
            "TENCENTCLOUD_SECRET_ID": owner.secret_id,
            "TENCENTCLOUD_SECRET_KEY": owner.secret_key,
        }
    state = "running" if case.stage is Stage.RUNNING else "parked"
    return world.stack.up(state)


def _misdeeds(case: Case, expected: Expected, before: Held, after: Held, result: Result) -> list[str]:
    told = "the command failed:" if not result.ok else "the command went through"
    if result.ok == (expected.outcome is Outcome.REFUSED):
        return [f"{told} (wanted: {expected.outcome.value})"]
    if "Traceback" in result.text:
        return ["a traceback was printed"]
    match expected.outcome:
        case Outcome.REFUSED | Outcome.NOTHING:
            return [] if after == before else [f"{before} became {after}"]
        case Outcome.OWN:
            kept = all(after.things.get(thing) == owner for thing, owner in before.things.items())
            own = [owner for thing, owner in after.machines.items() if thing not in before.machines]
            fine = kept and len(own) == 1 and own[0] and own[0] not in before.things.values()
            return [] if fine else [f"{before} became {after}"]
        case Outcome.TAKES | Outcome.WORKS:
            return _shortfall(case, before, after)


def _shortfall(case: Case, before: Held, after: Held) -> list[str]:
    """What is missing of the end that the command is for; every thing that is left carries one owner."""
    machines, images = len(after.machines), len(after.images)
    wanted = (1, len(before.images)) if case.act is Act.UP else (0, 1)
    owners = set(after.things.values())
    renewed = case.relation is Relation.RENAMED or case.stage is Stage.DESTROYED
    fine = (machines, images) == wanted and len(owners) == 1
    if not renewed:
        fine = fine and owners.isdisjoint(before.things.values())
    return [] if fine else [f"{before} became {after}"]


def _first_misdeeds(expected: Expected, before: Held, after: Held, first: Result) -> list[str]:
    refused = expected.outcome is Outcome.TAKES
    broken = []
    if first.ok == refused:
        broken.append(f"the first state's own up {'went through' if first.ok else 'failed'}")
    if before != after:
        broken.append(f"the first state's own up made {after} of {before}")
    if expected.first_says not in first.text:
        broken.append(f"the first state was not told {expected.first_says!r}")
    return broken
