"""The stack's transitions, one after the other, and what each must leave behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from tests.sweep.world import World


class Wanted(Enum):
    """What the cloud holds when a transition has reached its end."""

    RUNNING = "one machine, and at most its stack's one image"
    PARKED = "one image and nothing else"
    GONE = "nothing"


@dataclass(frozen=True)
class Transition:
    """`settings` are set before it, and stay so for those that follow."""

    name: str
    command: str
    wanted: Wanted
    settings: dict[str, str] = field(default_factory=dict)
    guests: bool = False  # the machines run, and the update waits until the demo answers


#: The life in which each is found: every one starts from what the one before it left.
TRANSITIONS = (
    Transition("up", "up", Wanted.RUNNING, {"chatglm:state": "running"}),
    Transition("park", "up", Wanted.PARKED, {"chatglm:state": "parked"}),
    Transition("restore", "up", Wanted.RUNNING, {"chatglm:state": "running"}),
    Transition("second-park", "up", Wanted.PARKED, {"chatglm:state": "parked"}),
    Transition("destroy-keeping", "destroy", Wanted.PARKED),
    Transition("up-after-destroy", "up", Wanted.RUNNING, {"chatglm:state": "running"}),
    Transition("park-again", "up", Wanted.PARKED, {"chatglm:state": "parked"}),
    Transition("destroy-dropping", "destroy", Wanted.GONE, {"chatglm:keepImage": "false"}),
)
#: A life with machines that are waited for. Its parks begin with a machine that has an address, which two copies of the
#: world cannot both have; only the others are swept.
AWAITED = (
    Transition(
        "up-awaited", "up", Wanted.RUNNING, {"chatglm:state": "running", "chatglm:waitReady": "true"}, guests=True
    ),
    Transition("park-awaited", "up", Wanted.PARKED, {"chatglm:state": "parked"}, guests=True),
    Transition("restore-awaited", "up", Wanted.RUNNING, {"chatglm:state": "running"}, guests=True),
)
#: `park-again` is the same as `second-park` but for the image, which no state holds: it only leads to the last one.
_PASSED_OVER = ("park-again", "park-awaited")
SWEPT = tuple(transition for transition in (*TRANSITIONS, *AWAITED) if transition.name not in _PASSED_OVER)


@dataclass(frozen=True)
class Work:
    """Where the work was before the transition: on a machine, or in an image. Both empty: there was none yet."""

    machine_id: str = ""
    image_id: str = ""
    discarded: bool = False  # the person asked in words for it to go

    @classmethod
    def find(cls, world: World, transition: Transition) -> Work:
        machines, images = world.machines(), world.normal_images()
        discarded = transition.wanted is Wanted.GONE
        if machines:
            return cls(machine_id=machines[0].instance_id, discarded=discarded)
        return cls(image_id=images[0].id if images else "", discarded=discarded)

    def is_safe(self, world: World) -> str:
        """Why the work is lost, empty while it is safe: on its machine, or in a NORMAL image of it."""
        if self.discarded:
            return ""
        database = world.server.cloud.db
        with world.server.cloud.lock:
            images = [image for image in database.images if image.state == "NORMAL"]
        if self.machine_id:
            alive = any(machine.instance_id == self.machine_id for machine in world.machines())
            taken = any(image.instance_id == self.machine_id for image in images)
            return "" if alive or taken else f"neither {self.machine_id} nor an image of it exists"
        if self.image_id and all(image.image_id != self.image_id for image in images):
            return f"the image {self.image_id} is gone"
        return ""


def shortfall(world: World, wanted: Wanted) -> str:
    """In what the cloud and the state differ from the wanted end; empty when it is reached."""
    machines, images = world.machines(), world.normal_images()
    if wanted is Wanted.RUNNING:
        known = world.outputs().get("machineId")
        here = [machine.instance_id for machine in machines]
        return "" if [known] == here else f"the state says {known}, the cloud has {here}"
    if machines:
        return f"{[machine.instance_id for machine in machines]} still runs"
    if len(images) != (1 if wanted is Wanted.PARKED else 0):
        return f"there are {len(images)} images"
    return ""


def orphans(world: World, wanted: Wanted) -> list[str]:
    """What costs money, or takes up a quota of images, beyond what the wanted end has."""
    machines, images = world.machines(), world.served.control.images()
    expected = {machine.instance_id for machine in machines[:1]} if wanted is Wanted.RUNNING else set()
    expected |= {image.id for image in world.normal_images()[:1]} if wanted is not Wanted.GONE else set()
    stray = [
        f"{item.kind} {item.id}"
        for item in world.served.control.meter().items
        if item.id not in expected and item.belongs_to not in expected
    ]
    return stray + [f"image {image.id} ({image.state})" for image in images if image.id not in expected]
