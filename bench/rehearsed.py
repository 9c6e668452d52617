"""A machine in a folder whose upstream is the rehearsal; the verbs find it by the environment, as on the real one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guest.machine import Machine, this_machine
from guest.training import start

REHEARSAL = Path(__file__).parents[1] / "guest" / "rehearsal"


@contextmanager
def rehearsed_machine(root: Path, step_seconds: float) -> Iterator[Machine]:
    """The machine, with training steps that take `step_seconds`; the environment is put back afterwards."""
    settings = {
        "CHATGLM_ROOT": str(root),
        "CHATGLM_SOURCE": str(REHEARSAL),
        "CHATGLM_REHEARSAL_STEP_SECONDS": str(step_seconds),
    }
    before = {name: os.environ.get(name) for name in settings}
    poll, start.POLL_SECONDS = start.POLL_SECONDS, 0.02
    os.environ.update(settings)
    try:
        yield this_machine()
    finally:
        start.POLL_SECONDS = poll
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
