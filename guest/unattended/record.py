"""How a park by the machine itself stands: `state/park.json`, which is also the mark in the image.

`complete` is written, and flushed, when everything of ours had ended and was on the disk: an image that holds it holds
all that was there. Nothing of ours is written after it until the machine ends or goes back to work.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from guest.documents import read_document, write_document
from guest.errors import GuestError
from guest.unattended.decision import Part, Reason

#: Ours is being ended; all is on the disk and the image is taken; it went back to work; the disk was restored.
STOPPING, COMPLETE, FAILED, RESTORED = "stopping", "complete", "failed", "restored"


def park_file(root: Path) -> Path:
    return root / "state" / "park.json"


@dataclass(frozen=True)
class Record:
    """`machine` is the id of the one that parked, `boot` tells its start of Windows, `at` the wall clock's time in UTC.

    `demo` is whether the demo was wanted, `wish` the number of the wish that it stop, `training` the run that was
    stopped; `others` tells whether anybody else has done something since. `why` is why it went back to work,
    `leftovers` are letters of parks whose images are to go.
    """

    phase: str
    token: str
    reason: str
    parts: Mapping[str, Part]
    at: str
    machine: str
    boot: str = ""
    demo: bool = False
    wish: int = 0
    training: str = ""
    others: str = ""
    why: str = ""
    leftovers: tuple[str, ...] = field(default_factory=tuple)

    @classmethod
    def begin(cls, reason: Reason, at: str, machine: str, boot: str, leftovers: tuple[str, ...]) -> Record:
        token = uuid.uuid4().hex[:12]
        return cls(STOPPING, token, reason.id, dict(reason.parts), at, machine, boot, leftovers=leftovers)

    @property
    def is_under_way(self) -> bool:
        return self.phase in (STOPPING, COMPLETE)

    def failed(self, why: str) -> Record:
        """Back at work. The image that may have been made is to be deleted."""
        return replace(self, phase=FAILED, why=why, leftovers=(*self.leftovers, self.token))


def read_record(root: Path) -> Record | None:
    """None where no park was ever begun, or what is there cannot be understood."""
    try:
        told = read_document(park_file(root))
        if told is None:
            return None
        return Record(**{**told, "parts": dict(told["parts"]), "leftovers": tuple(told["leftovers"])})
    except (GuestError, KeyError, TypeError, ValueError):
        return None


def write_record(root: Path, record: Record) -> None:
    write_document(park_file(root), asdict(record))


def told(root: Path) -> dict[str, Any] | None:
    """The park for people and for the operator's side; None where none was ever begun."""
    record = read_record(root)
    if record is None:
        return None
    names = ("phase", "reason", "parts", "at", "machine", "training", "why")
    return {name: getattr(record, name) for name in names}
