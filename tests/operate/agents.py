"""An automation agent that plays its part: what it would see of a machine, and what it was asked to run."""

from __future__ import annotations

import json
from typing import Any

from line.tat import TatChannel


class ScriptedAgent(TatChannel):
    """Plays the agent of a machine."""

    def __init__(self, status: dict[str, Any] | None) -> None:
        self.status = status
        self.password = "Canary-Admin-1"
        self.verbs: list[str] = []
        self.scripts: list[str] = []

    def run_verb(self, verb: str, options: dict[str, Any] | None = None, **_: Any) -> dict[str, Any]:
        self.verbs.append(verb)
        if verb == "log":
            return {"step": (options or {})["step"], "lines": [f"the password is {self.password}", "done"]}
        return {"status": self.status or {}, "configure": {"configured": True}}.get(verb, {"bytes": 0})

    def run_script(self, script: str, **_: Any) -> tuple[int, bytes]:
        self.scripts.append(script)
        seen = {
            "entry": self.status is not None,
            "status": json.dumps(self.status) if self.status else None,
            "windows": {"the service WinRM": "Stopped"},
            "logs": {"cloudbase-init.log": f"executing user data\nset {self.password} at 203.0.113.7"},
        }
        return 0, json.dumps(seen).encode()
