"""A local cloud and a stack on it, in one folder: stopped, it can be copied and lived on from there many times."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.records import Instance
from localcloud.server import Server
from tests.localcloud.conftest import Served
from tests.stacks import open_stack
from tests.waiting import HANG_SECONDS
from tools.workspace import Workspace

#: States in which a machine's disk is still there to be captured.
_ENDED = ("SHUTDOWN", "TERMINATING", "LAUNCH_FAILED")


@dataclass
class World:
    """An open world: the cloud answers, and Pulumi can work on the stack."""

    folder: Path
    served: Served
    stack: Workspace

    @property
    def server(self) -> Server:
        return self.served.server

    def machines(self) -> list[Instance]:
        """The machines that are not ending."""
        with self.server.cloud.lock:
            return [machine for machine in self.server.cloud.db.instances if machine.state not in _ENDED]

    def normal_images(self) -> list[Any]:
        return [image for image in self.served.control.images() if image.state == "NORMAL"]

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs, as Pulumi's state file holds them."""
        [file] = (self.folder / "stack" / "state" / ".pulumi" / "stacks" / "chatglm").glob("*.json")
        deployment = json.loads(file.read_text(encoding="utf-8"))["checkpoint"]["latest"] or {}
        roots = [each for each in deployment.get("resources") or [] if each["type"] == "pulumi:pulumi:Stack"]
        return roots[0].get("outputs") or {} if roots else {}


@contextmanager
def open_world(folder: Path, guests: bool = False) -> Iterator[World]:
    """Start the cloud of a folder at its highest speed; a folder with nothing in it becomes a new world.

    With `guests` something runs inside its machines.
    """
    served = Served.start(folder / "cloud", float("inf"), guests=guests)
    try:
        settings = {"chatglm:waitReady": "false"}  # there are no guests here whose demo could answer
        stack = open_stack(folder / "stack", folder / "cloud", served.server.port, settings)
        yield World(folder, served, stack)
    finally:
        served.stop()


@dataclass
class Watch:
    """Asks the cloud's own records, some fifty times a second, whether the work is safe; keeps the first "no"."""

    world: World
    safe: Callable[[World], str]
    broken: str = ""
    _done: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self._look()

    def _look(self) -> None:
        if not self.broken:
            self.broken = self.safe(self.world)


def wait_until(condition: Callable[[], bool], seconds: float = HANG_SECONDS) -> bool:
    """Whether the condition came true in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(RuntimeError):  # a table that changes while it is read
            if condition():
                return True
        time.sleep(0.005)
    return False
