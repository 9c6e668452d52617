"""A machine in a temporary folder whose upstream is the rehearsal, and helpers that wait for its tasks."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.training import gpu_task, process, start, verbs
from guest.training.machine import Machine, this_machine
from guest.training.runs import Run

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
        until(lambda: gpu_task.current(machine) is None)
        return verbs.progress({"run": name})

    return wait


def until(is_true: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Wait for something that other processes bring about; fails the test when it does not come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = is_true()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError("it did not happen in time")


def step_of(run: Run) -> int:
    document = json.loads(run.progress_file.read_text(encoding="utf-8")) if run.progress_file.exists() else {}
    return int(document.get("step", 0))
