"""One look of the guard outside, as a process that can be killed: `python -m tests.guard.driver STACK NOW IDLE STATE`.

The machines of the sweep's worlds have nothing inside; what the machine would say of its use is IDLE seconds of every
kind. NOW is the time that the guard goes by, in seconds since 1970: the looks of a case come minutes apart without
anybody's waiting. All else is the guard, the engine and the cloud as they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guest.unattended.decision import USES
from guest.unattended.notices import Notifier
from operate.guard import Guard
from operate.guard_clock import Clocks
from operate.output import Output
from operate.session import Session
from operate.stacks import open_stack


class SaidMachine:
    """Answers what the guard asks of a machine that is ready and was last used `idle` seconds ago."""

    def __init__(self, idle: float) -> None:
        self._idle = idle

    def ask(self, verb: str, options: Mapping[str, Any] | None = None, *, seconds: float = 60) -> dict[str, Any]:
        if verb == "status":
            use = {"idleSeconds": dict.fromkeys(USES, self._idle), "unknown": []}
            return {"phase": "ready", "training": None, "demo": {"state": "answering"}, "unattended": {"use": use}}
        return {"events": [], "runs": [], "stopped": None, "shown": None}


class SaidSession(Session):
    idle = 0.0

    def channel(self) -> Any:
        return SaidMachine(self.idle)


def main(stack: str, now: float, idle: float, state: Path) -> int:
    output = Output()
    SaidSession.idle = idle
    clocks = Clocks(state, lambda: now, lambda: now)
    guard = Guard(lambda: SaidSession(open_stack(stack), output), clocks, lambda _: Notifier([]))
    outcome = guard.look()
    sys.stdout.write(json.dumps(outcome.as_dict(), ensure_ascii=False) + "\n")
    return 1 if outcome.failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])))
