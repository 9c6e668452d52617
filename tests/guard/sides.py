"""The two sides of the guard whose cases are run, each a module with `cases()` and `run(case)`."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
#: The guard outside, and the machine's own.
SIDES = tuple(name for name in ("outside", "inside") if (_HERE / f"{name}.py").exists())


def side_of(name: str) -> Any:
    """The module of one side."""
    return importlib.import_module(f"tests.guard.{name}")


def live(side: str, case: Any) -> tuple[str, str, str]:
    """One case, in a process of its own: its name, what is broken, what was said."""
    verdict = side_of(side).run(case)
    return str(case), verdict.broken, getattr(verdict, "said", "")
