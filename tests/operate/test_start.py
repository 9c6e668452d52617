"""The command line starts at once: what takes long to import is imported by the commands that use it."""

from __future__ import annotations

import subprocess
import sys

from rehearsal.engine import ROOT

#: Each of these alone would cost more than all the rest of a start.
HEAVY = ("pulumi", "pydantic", "grpc", "requests", "winrm", "tencentcloud", "jinja2", "httpx", "starlette")


def test_asking_for_help_imports_nothing_heavy() -> None:
    code = f"import sys, operate.app; print([one for one in {HEAVY} if one in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
