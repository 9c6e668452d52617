"""The machine parks itself while a person runs `pulumi up`: the real engine beside the machine's own guard."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from guest.rehearsal import volume
from localcloud.drives import FLUSHED
from tencent.permissions import role_policy
from tests.guard.machine import ROLE, WORK, WORK_BYTES, Inside, Supervisor, furnish, surroundings
from tests.sweep.transitions import Wanted, orphans, shortfall
from tests.sweep.world import World, open_world, wait_until
from tests.waiting import HANG_SECONDS

SETTINGS = {"chatglm:camRole": ROLE, "chatglm:idleMinutes": "30", "chatglm:state": "running"}
WANTED = {"parked": Wanted.PARKED, "running": Wanted.RUNNING}


def tell_role(world: World) -> None:
    """Give the stack's living machine its role and its settings, by an update."""
    world.served.control.add_role(ROLE)
    world.served.control.add_policy(role_policy(world.outputs()["identity"]), principal=ROLE)
    world.stack.set(SETTINGS)
    told = world.stack.up("running")
    if not told.ok:
        raise RuntimeError(told.text)


@contextmanager
def inside_of(world: World) -> Iterator[Inside]:
    """The machine of a world that was told its role, with its own guard on its disk."""
    [machine] = world.machines()
    disk = world.server.cloud.drives.disk(machine.system_disk_id)
    volume.mark_flushed(disk / FLUSHED)
    furnish(disk)
    around = patch.dict(os.environ, surroundings(world.served, machine.instance_id, disk))
    with around, Supervisor(disk / "chatglm"):
        yield Inside(world.served, machine.instance_id, disk)


@functools.cache
def _recorded() -> Path:
    """A world whose machine was told its role; made once for each process."""
    folder = Path(tempfile.mkdtemp(prefix="guard-beside-")) / "world"
    with open_world(folder) as world:
        world.stack.set({"chatglm:state": "running"})
        up = world.stack.up("running")
        if not up.ok:
            raise RuntimeError(up.text)
        tell_role(world)
    return folder


@contextmanager
def told_world() -> Iterator[World]:
    """A copy of that world, for one case."""
    with tempfile.TemporaryDirectory(prefix="guard-beside-") as temporary:
        folder = Path(temporary) / "world"
        shutil.copytree(_recorded(), folder, symlinks=True)
        with open_world(folder) as world:
            yield world


class Person:
    """Runs `pulumi up` beside; `begin` returns when that has looked at the cloud, or has ended."""

    def __init__(self, world: World, wanted: str) -> None:
        self.world, self.wanted = world, wanted
        self.process: subprocess.Popen[str] | None = None
        world.stack.set({"chatglm:state": wanted})

    def begin(self) -> None:
        control = self.world.served.control
        last = max((one.seq for one in control.journal()), default=0)
        process = self.process = self.world.stack.start("up")

        def has_looked() -> bool:
            seen = [one.action for one in control.journal(last)]
            return process.poll() is not None or {"DescribeInstances", "DescribeImages"} <= set(seen)

        if not wait_until(has_looked):
            raise RuntimeError("the person's update never looked")

    def end(self) -> str:
        """What it said, once it has ended."""
        if self.process is None:
            raise RuntimeError("the park had no such call")
        text, _ = self.process.communicate(timeout=HANG_SECONDS)
        return text

    def judge(self, inside: Inside) -> str:
        """What is not as it should be, once the same command was run again; empty where all is well."""
        again = self.world.stack.up(self.wanted)
        if not again.ok:
            return f"the next update fails: {again.text[-800:]}"
        lacks = shortfall(self.world, WANTED[self.wanted])
        left = orphans(self.world, WANTED[self.wanted])
        if lacks or left:
            return f"{lacks} {left}".strip()
        cloud = self.world.server.cloud
        self.world.served.settle()
        if inside.is_alive():
            kept = (inside.root / WORK).read_bytes()
        else:
            [image] = self.world.normal_images()
            kept = (cloud.drives.snapshot(image.snapshot_ids[0]) / "chatglm" / WORK).read_bytes()
        return "" if kept == WORK_BYTES else "the work is lost"
