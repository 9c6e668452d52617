"""torch, imported when it is first used: the machine's other programs, and its tests, run without it."""

from __future__ import annotations

import importlib
from typing import Any


class _Later:
    def __getattr__(self, name: str) -> Any:
        value = getattr(importlib.import_module("torch"), name)
        setattr(self, name, value)
        return value


torch: Any = _Later()
