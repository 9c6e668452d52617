"""How long ago the machine was last used, by kind of use: `state/use.json`.

Idle seconds are counted by the monotonic clock, look by look; only time that was seen counts. So a wall clock that is
wrong or jumps, a sleeping process and a restart of the machine never make the machine idle, at worst less idle than it
is. What another machine counted (the disk was restored from an image) counts for nothing, nor does the time of an
installation: who waits for it cannot use the machine yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.documents import read_document, write_document
from guest.errors import GuestError
from guest.files import read_json
from guest.gpu import gpu_memory
from guest.installation import is_installing
from guest.machine import Machine
from guest.serving import state
from guest.training import gpu_task
from guest.unattended import desktops
from guest.unattended.decision import API, DEMO, GPU, LOGIN, USES
from guest.unattended.visits import asked_file, probing_file

_PROBE = "probe"

#: What is measured: somebody asked the demo, or the API; the card worked; somebody is connected over remote desktop; a
#: training, an evaluation or a comparison runs.
TASK = "task"
KINDS = (*USES, TASK)
#: Below this many percent the card only shows the desktop.
GPU_PERCENT = 5
#: Between two looks lie some fifteen seconds; more than this was not seen.
MOST_STEP_SECONDS = 60.0
#: The document is written when something is used, and else this often: a restart loses at most so much idleness.
WRITE_SECONDS = 60.0


def use_file(root: Path) -> Path:
    return root / "state" / "use.json"


@dataclass(frozen=True)
class Signs:
    """What one look sees. `demo`, `api` and `probe` are marks that change with each question.

    `gpu` is the card's use in percent, None where nobody can tell; `login` the people at the remote desktop.
    """

    demo: str
    api: str
    probe: str
    probing: bool
    gpu: int | None
    task: bool
    login: int
    loading: bool = False
    installing: bool = False


def see(machine: Machine) -> Signs:
    """One look at the machine. What cannot be told counts as in use: the safe side."""
    root = machine.root
    before = read_json(probing_file(root)) or {}
    told = gpu_memory()
    after = read_json(probing_file(root)) or {}
    try:
        sessions = desktops.sessions()
    except OSError:
        sessions = 1
    try:
        task = gpu_task.current(machine) is not None
    except GuestError:
        task = True  # written by a newer version: somebody's all the same
    asked = read_json(asked_file(root)) or {}
    percent = 0 if told is None and machine.is_rehearsal else None if told is None else told["percent"]
    return Signs(
        demo=str(asked.get(DEMO, "")),
        api=str(asked.get(API, "")),
        probe=str(after.get("mark", "")),
        probing=_is_asking(before) or _is_asking(after) or before.get("mark") != after.get("mark"),
        gpu=percent,
        task=task,
        login=sessions,
        installing=is_installing(root),
        loading=(state.read_demo(root) or {}).get("state") == state.STARTING,
    )


def _is_asking(told: Mapping[str, Any]) -> bool:
    process = state.named_process(dict(told), "process")
    return bool(told.get("asking")) and process is not None and process.is_alive()


class Meter:
    """Keeps the document, one look after the other. One process at a time has one."""

    def __init__(
        self,
        machine: Machine,
        *,
        clock: Callable[[], float] = time.monotonic,
        look: Callable[[Machine], Signs] = see,
    ) -> None:
        self._machine, self._clock, self._see = machine, clock, look
        kept = _read(machine.root)
        self._idle = {kind: float(kept["idleSeconds"].get(kind, 0.0)) for kind in KINDS}
        self._owner = str(kept.get("machine") or "")
        self._marks = {name: str(kept["marks"].get(name, "")) for name in (DEMO, API, _PROBE)}
        self._last: float | None = None
        self._written = -WRITE_SECONDS
        self._now: dict[str, bool | None] = {}

    def look(self, instance_id: str | None) -> dict[str, float | None]:
        """One look: seconds since the last use, by kind; None for what cannot be measured now.

        `instance_id` is this machine's, None while nobody knows.
        """
        now = self._clock()
        step = 0.0 if self._last is None else min(max(now - self._last, 0.0), MOST_STEP_SECONDS)
        self._last = now
        signs = self._see(self._machine)
        if instance_id is not None and instance_id != self._owner:
            if self._owner:
                self._idle = dict.fromkeys(KINDS, 0.0)
            self._owner = instance_id
            self._written = now - WRITE_SECONDS
        used = self._judge(signs)
        for kind, now_used in used.items():
            if now_used is not None:
                self._idle[kind] = 0.0 if now_used or signs.installing else self._idle[kind] + step
        if used != self._now or now - self._written >= WRITE_SECONDS:
            self._now, self._written = used, now
            self._write()
        return {kind: None if used[kind] is None else self._idle[kind] for kind in KINDS}

    def _judge(self, signs: Signs) -> dict[str, bool | None]:
        """Which kinds are in use. The card's work for the probe, and for loading a model, is nobody's use."""
        before, self._marks = self._marks, {DEMO: signs.demo, API: signs.api, _PROBE: signs.probe}
        ours = signs.probing or signs.probe != before[_PROBE] or signs.loading
        busy = None if signs.gpu is None else signs.gpu > GPU_PERCENT and not ours
        return {
            DEMO: signs.demo != before[DEMO],
            API: signs.api != before[API],
            GPU: busy,
            LOGIN: signs.login > 0,
            TASK: signs.task,
        }

    def _write(self) -> None:
        told = {
            "machine": self._owner,
            "idleSeconds": {kind: round(seconds, 1) for kind, seconds in self._idle.items()},
            "inUse": [kind for kind in KINDS if self._now[kind]],
            "unknown": [kind for kind in KINDS if self._now[kind] is None],
            "marks": self._marks,
        }
        write_document(use_file(self._machine.root), told)


def _read(root: Path) -> dict[str, Any]:
    try:
        kept = read_document(use_file(root)) or {}
        return {**kept, "idleSeconds": dict(kept["idleSeconds"]), "marks": dict(kept["marks"])}
    except (GuestError, KeyError, TypeError, ValueError):
        return {"idleSeconds": {}, "marks": {}}


def told(root: Path) -> dict[str, Any] | None:
    """The document for people, without the marks; None where nothing was measured yet."""
    document = read_document(use_file(root))
    if document is None:
        return None
    return {name: document.get(name) for name in ("idleSeconds", "inUse", "unknown")}
