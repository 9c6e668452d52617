"""What the machine remembers, in JSON files under locks; what happens in it, in a journal; what was ordered to fail."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator

from localcloud.windows.world.inside import plain
from localcloud.windows.world.inside.where import RUN, STATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_sleep = time.sleep


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold one of the machine's locks; PowerShell's stand-ins take the same ones."""
    with plain.open_plain(f"{RUN}/locks/{name}", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load(name: str) -> dict[str, Any]:
    """One of the documents: registry, tasks, services, driver and so on."""
    document: dict[str, Any] = json.loads(plain.read_text_or(f"{STATE}/{name}.json", "{}"))
    return document


@contextlib.contextmanager
def edited(name: str) -> Iterator[dict[str, Any]]:
    """One of the documents, to be changed under its lock."""
    with locked(name):
        document = load(name)
        yield document
        plain.write_text(f"{STATE}/{name}.json", json.dumps(document))


def note(kind: str, detail: str) -> None:
    """Add a line to the journal of this power-on."""
    line = json.dumps({"at": round(time.time(), 3), "pid": os.getpid(), "kind": kind, "detail": detail}) + "\n"
    plain.append(f"{RUN}/journal.jsonl", line.encode())


def count(kind: str, detail: str) -> None:
    """Note an event, and cut the power when it is the ordered one: nothing happens after it."""
    note(kind, detail)
    wanted, _, number = plain.read_text_or(f"{RUN}/cut-at").partition(" ")
    if wanted != kind:
        return
    counter = f"{RUN}/count-{kind}"
    with locked("orders"):
        seen = 1 + int(plain.read_text_or(counter, "0"))
        plain.write_text(counter, str(seen))
    if seen == int(number):
        plain.write_text(f"{RUN}/power-cut", f"{kind} {detail}")
        while True:
            _sleep(3600)


def fault(name: str, about: str = "") -> dict[str, Any] | None:
    """The fault that was ordered for this place, if it is due; each claim counts against its `times` (0: for ever).

    `match` limits it to what is said in `about`, `after` lets so many pass first. It sleeps for the fault's `sleep`.
    """
    try:
        orders = json.loads(plain.read_text_or(f"{RUN}/faults.json", "{}"))
    except ValueError:
        return None
    order: dict[str, Any] | None = orders.get(name)
    if order is None or not re.search(order.get("match", ""), about):
        return None
    with locked("orders"):
        counter = f"{RUN}/fault-{name}"
        seen = 1 + int(plain.read_text_or(counter, "0"))
        plain.write_text(counter, str(seen))
    after, times = order.get("after", 0), order.get("times", 0)
    if seen <= after or (times and seen > after + times):
        return None
    note("fault", f"{name} {about}".strip())
    if order.get("sleep"):
        _sleep(order["sleep"])
    return order
