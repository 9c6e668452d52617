"""Stacks of tests: begun once in a process and copied from then on, and run by an engine that asks pip once.

Three commands of Pulumi make a new stack; a copy of its folder is a copy of the stack.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from rehearsal.engine import ROOT
from tools.workspace import Workspace

_PIP_ANSWERS = ROOT / ".local" / "pip-answers"


def open_stack(folder: Path, cloud_data: Path, port: int, settings: Mapping[str, str] | None = None) -> Workspace:
    """The stack of a folder; a new one, with these settings, where there is none yet."""
    is_new = not folder.exists()
    if is_new:
        shutil.copytree(_begun(cloud_data, port), folder, symlinks=True)
    stack = Workspace(folder, cloud_data, port)
    stack.environment |= asking_pip_once()
    if is_new and settings:
        stack.set(settings)
    return stack


def asking_pip_once() -> dict[str, str]:
    """Variables with which an engine's question to pip is answered as the time before (tests/remembered)."""
    _PIP_ANSWERS.mkdir(parents=True, exist_ok=True)
    return {"PYTHONPATH": str(Path(__file__).with_name("remembered")), "REMEMBERED_PIP": str(_PIP_ANSWERS)}


def _begun(cloud_data: Path, port: int) -> Path:
    """A stack that is begun and no more. Which cloud it was begun on stands in no file of it."""
    folder = _folder() / "stack"
    if not folder.exists():
        Workspace(folder, cloud_data, port)
    return folder


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="chatglm-begun-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
