"""The folders of a machine: what Windows has on drive C: before anything is installed, and what a boot begins anew."""

from __future__ import annotations

import shutil
from pathlib import Path

_FOLDERS = ("Windows/System32/drivers", "Windows/TEMP", "Program Files", "ProgramData", "Users/Administrator")


def prepare_drive(disk: Path, state: Path) -> None:
    """Windows' own folders, and its memory beside them."""
    for folder in _FOLDERS:
        (disk / folder).mkdir(parents=True, exist_ok=True)
    state.mkdir(exist_ok=True)


def prepare_run(run: Path, programs: list[str]) -> None:
    """What lasts until the power goes: process table, journal, locks, and the names of Windows' programs."""
    forget_run(run)
    for folder in ("processes", "locks", "exit-codes", "bin"):
        (run / folder).mkdir(parents=True)
    for name in [*programs, "world-program"]:
        program = "" if name == "world-program" else f"{name} "
        stub = run / "bin" / name
        stub.write_text(
            f'#!/bin/sh\nexec "$WORLD_PYTHON" -S -E "$WORLD_INSIDE/run.py" {program}"$@"\n', encoding="ascii"
        )
        stub.chmod(0o755)


def forget_run(run: Path) -> None:
    """Forget it all."""
    shutil.rmtree(run, ignore_errors=True)
