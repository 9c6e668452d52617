"""A machine that guards itself, on a local cloud: its disk is the cloud's folder of its disk, its calls are real.

What runs inside is the machine's own guard. A little supervisor carries out the wishes for the demo, as the real one
does; the work that must not be lost is a file of a run.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

from guest.files import read_json, write_json
from guest.machine import Machine, this_machine
from guest.process import Identity
from guest.rehearsal import volume
from guest.serving import state
from guest.unattended.cloud import API_VARIABLE, METADATA_VARIABLE, Metadata
from guest.unattended.decision import Rules
from guest.unattended.loop import Guard
from guest.unattended.record import park_file
from guest.unattended.settings import manifest_row
from guest.unattended.use import Meter, Signs
from localcloud.drives import FLUSHED
from tencent.names import machine_tags, owner_tags
from tencent.permissions import role_policy
from tests.localcloud.conftest import Served

IDENTITY, EDITION, STACK = "abcdefghijkm", "3-00c0ffee", "organization/chatglm/dev"
ROLE = "chatglm-machine"
RULES = Rules(idle_seconds=1800, warn_seconds=600, own_guard=True)
WORK = "runs/r1/checkpoint-100/pytorch_model.bin"
WORK_BYTES = b"what took days to learn"
NOBODY = Signs(demo="", api="", probe="", probing=False, gpu=0, task=False, login=0)


@dataclass
class Supervisor:
    """Carries out the wishes for the demo: a thread in place of a process."""

    root: Path
    _ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Supervisor:
        self._told: tuple[str, int] | None = None
        self._step()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.005):
            self._step()

    def _step(self) -> None:
        wanted, wish = state.wanted(self.root)
        if (wanted, wish) == self._told:
            return
        self._told = wanted, wish
        now = state.ANSWERING if wanted == state.RUNNING else state.STOPPED
        told = {"state": now, "wish": wish, "model": "base", "failures": 0, "error": None}
        write_json(
            self.root / "state" / "demo.json", {**told, "supervisor": Identity.of(os.getpid()).as_dict(), "child": None}
        )


@dataclass
class Inside:
    """The machine `instance_id` with the disk `disk`; `minutes` is its monotonic clock, which waits move."""

    served: Served
    instance_id: str
    disk: Path
    seconds: float = 0.0
    signs: Signs = NOBODY
    asleep: Callable[[], None] = lambda: None

    @property
    def root(self) -> Path:
        return self.disk / "chatglm"

    @property
    def machine(self) -> Machine:
        return this_machine()

    def guard(self, **changes: Any) -> Guard:
        """The guard as a new process begins: it knows nothing but what is on the disk."""
        meter = Meter(self.machine, clock=lambda: self.seconds, look=lambda _: self.signs)
        given: dict[str, Any] = {
            "clock": lambda: self.seconds,
            "wall": lambda: 1_800_000_000.0 + self.seconds,
            "sleep": self.sleep,
            "meter": meter,
        }
        return Guard(self.machine, Metadata(), **{**given, **changes})

    def sleep(self, seconds: float) -> None:
        """Time passes on the machine and in the cloud."""
        self.seconds += seconds
        self.asleep()
        self.served.settle()

    def look(self, guard: Guard, minutes: float, every: float = 60.0) -> bool:
        """Look once a minute for so long; whether the machine is ending."""
        for _ in range(int(minutes * 60 / every)):
            if guard.step():
                return True
            self.sleep(every)
        return False

    def told(self) -> dict[str, Any]:
        return read_json(self.root / "state" / "guard.json") or {}

    def park(self) -> dict[str, Any]:
        return read_json(park_file(self.root)) or {}

    @property
    def wanted(self) -> str:
        return state.wanted(self.root)[0]

    def is_alive(self) -> bool:
        row = self.served.instance(self.instance_id)
        return row is not None and row["InstanceState"] not in ("TERMINATING", "SHUTDOWN")

    def images(self) -> list[dict[str, Any]]:
        filters = [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]
        return list(self.served.call("cvm", "DescribeImages", Filters=filters)["ImageSet"])

    def imaged(self, image: Mapping[str, Any], path: str) -> bytes:
        """What an image holds of a file of the machine's root."""
        snapshot = image["SnapshotSet"][0]["SnapshotId"]
        return (self.served.server.cloud.drives.snapshot(snapshot) / "chatglm" / path).read_bytes()


def surroundings(served: Served, instance_id: str, disk: Path) -> dict[str, str]:
    """The environment of the machine's Python."""
    return {
        "CHATGLM_ROOT": str(disk / "chatglm"),
        "CHATGLM_SOURCE": str(disk / "chatglm" / "ChatGLM-6B"),
        "CHATGLM_MODEL": str(disk / "chatglm-6b"),
        METADATA_VARIABLE: f"{served.server.url}/metadata/{instance_id}/latest/meta-data",
        API_VARIABLE: served.server.url,
        volume.VARIABLE: str(disk / FLUSHED),
    }


def furnish(disk: Path, rules: Rules = RULES, role: str = ROLE) -> None:
    """What an installation has left on the disk, work included."""
    root = disk / "chatglm"
    settings = {"demoPort": 7860, **manifest_row(role, rules)}
    root.mkdir(parents=True, exist_ok=True)
    (root / "manifest.json").write_text(json.dumps({"settings": settings}), encoding="utf-8")
    work = root / WORK
    work.parent.mkdir(parents=True, exist_ok=True)
    work.write_bytes(WORK_BYTES)


@contextmanager
def guarded(served: Served, *, policy: bool = True, rules: Rules = RULES, tags: Any = None) -> Iterator[Inside]:
    """A running machine of the stack that carries the role; nothing of what is on its disk was flushed yet."""
    served.control.add_role(ROLE)
    if policy:
        served.control.add_policy(role_policy(IDENTITY), principal=ROLE)
    marks = machine_tags(STACK, "20260101-000000") | owner_tags(IDENTITY, EDITION) if tags is None else tags
    listed = [{"Key": key, "Value": value} for key, value in marks.items()]
    specification = [{"ResourceType": "instance", "Tags": listed}] if listed else None
    instance_id = served.launch(CamRoleName=ROLE, TagSpecification=specification)
    served.pass_time(60)
    disk = served.server.cloud.drives.disk(served.server.cloud.db.instances[instance_id].system_disk_id)
    volume.mark_flushed(disk / FLUSHED)
    furnish(disk, rules)
    with patch.dict(os.environ, surroundings(served, instance_id, disk)), Supervisor(disk / "chatglm"):
        yield Inside(served, instance_id, disk)
