"""A machine that is parking itself right now (guest/unattended/park.py), as others see it: they wait for its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from tencent.cloud import Cloud
from tencent.facts import Image, Instance
from tencent.power import PowerError
from words import phrase

#: As the machine itself gives its image.
PATIENCE_SECONDS = 75 * 60.0
#: A machine whose image is done ends itself within seconds; one that still lives then has given its park up.
ENDING_SECONDS = 60.0


def own_park(machines: Iterable[Instance], images: Iterable[Image]) -> tuple[Instance, Image] | None:
    """The living machine that is making an image of itself, with that image; None where none is."""
    making = {image.machine_id: image for image in images if image.parked and image.state == "CREATING"}
    return next(((one, making[one.id]) for one in machines if one.alive and one.id in making), None)


def await_own_park(
    cloud: Cloud,
    machine_id: str,
    log: Callable[[str], None],
    poll_seconds: float = 2.0,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until the machine has ended, or has given its own park up; at once where it is not parking itself.

    Raises CloudError, and PowerError where it comes to no end.
    """
    ends = clock() + PATIENCE_SECONDS
    told, done_at = False, 0.0
    while True:
        machine = cloud.instance(machine_id)
        if machine is None or not machine.alive:
            return
        own = [image for image in cloud.custom_images() if image.parked and image.machine_id == machine_id]
        if any(image.state == "CREATING" for image in own):
            done_at = 0.0
        elif not told:
            return  # nothing was under way
        else:
            done_at = done_at or clock()
            if not any(image.usable for image in own) or clock() - done_at > ENDING_SECONDS:
                return
        if clock() > ends:
            raise PowerError(
                phrase(
                    "{machine_id} has been parking itself for over {minutes:.0f} minutes. Look "
                    "at its image in the console; where it is stuck, delete it there. Then run the same "
                    "command again.",
                    machine_id=machine_id,
                    minutes=PATIENCE_SECONDS / 60,
                )
            )
        if not told:
            told = True
            log(phrase("{machine_id} is parking itself; waiting until that is over.", machine_id=machine_id))
        sleep(poll_seconds)
