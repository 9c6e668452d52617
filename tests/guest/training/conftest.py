"""A machine in a temporary folder whose upstream is the rehearsal, and helpers that wait for its tasks."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guest import process
from guest.machine import Machine, this_machine
from guest.training import gpu_task, start, verbs
from guest.training.runs import Run
from tests.waiting import wait_until

REHEARSAL = Path(__file__).parents[3] / "guest" / "rehearsal"
# Steps of a training in tests: enough for several saves.
SMALL = {"max_steps": 30, "logging_steps": 5, "save_steps": 10, "pre_seq_len": 4, "save_total_limit": 2}


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(count: int = 8, first: str = "类型#裤*版型#宽松") -> list[dict[str, Any]]:
    return [
        {"content": first if not number else f"类型#裙{number}", "summary": "宽松的裤子很好看"}
        for number in range(count)
    ]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setenv("CHATGLM_ROOT", str(tmp_path / "chatglm"))
    monkeypatch.setenv("CHATGLM_SOURCE", str(REHEARSAL))
    monkeypatch.setenv("CHATGLM_MODEL", str(tmp_path / "chatglm-6b"))
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.002")
    monkeypatch.setattr(start, "POLL_SECONDS", 0.01)
    machine = this_machine()
    yield machine
    task = gpu_task.current(machine)
    if task is not None:
        for one in (task.supervisor, task.child):
            if one is not None:
                process.kill_tree(one)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "train.json", rows())


@pytest.fixture
def settled(machine: Machine) -> Callable[[str], dict[str, Any]]:
    """Waits until nothing runs, and returns the run's summary."""

    def wait(name: str) -> dict[str, Any]:
        wait_until(lambda: gpu_task.current(machine) is None)
        return verbs.progress({"run": name})

    return wait


def progress_of(run: Run) -> dict[str, Any]:
    document: dict[str, Any] = {"phase": "none", "step": 0}
    if run.progress_file.exists():
        document = json.loads(run.progress_file.read_text(encoding="utf-8"))
    return document


def step_of(run: Run) -> int:
    return int(progress_of(run)["step"])


@pytest.fixture
def fake_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Puts an nvidia-smi on the PATH that tells of a card of 15 GiB with so many MiB free."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def tell(free: int) -> None:
        program = folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\necho '{15_360 - free}, 15360, 0'\n")
        program.chmod(0o755)

    return tell
