"""Data of which every text looks like a date are trained on as they stand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guest.machine import Machine
from guest.training import verbs

from .conftest import REHEARSAL, SMALL, write_rows

DATES = [{"content": f"第{day}天", "summary": f"2023-05-{day:02d}"} for day in range(1, 20)]
_LOAD = """
import json, sys
from guest.training.hooks import texts
texts.load_texts()
from datasets import load_dataset
print(json.dumps(load_dataset("json", data_files={"train": sys.argv[1]}, cache_dir=sys.argv[2])["train"][0]))
"""


def load(path: Path, cache: Path, *, rehearsed: bool) -> dict[str, Any]:
    """Row 1 as the hook has it loaded, by the stand-in's `datasets` or the real one."""
    folders = [*([str(REHEARSAL)] if rehearsed else []), str(REHEARSAL.parents[1])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    command = [sys.executable, "-c", _LOAD, str(path), str(cache)]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return row


def test_upstream_alone_fails_with_them(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "train.json", DATES)
    options = {"do_train": True, "train_file": str(path), "prompt_column": "content", "response_column": "summary",
               "model_name_or_path": "/m", "output_dir": str(tmp_path / "out"), "max_steps": 2}  # fmt: skip
    (tmp_path / "options.json").write_text(json.dumps(options), encoding="utf-8")
    told = subprocess.run(
        [sys.executable, "main.py", str(tmp_path / "options.json")],
        cwd=REHEARSAL / "ptuning",
        env={**os.environ, "HF_DATASETS_CACHE": str(tmp_path / "cache"), "CHATGLM_REHEARSAL_STEP_SECONDS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode != 0
    assert "TypeError" in told.stderr


def test_a_training_with_them_runs_to_its_end(
    machine: Machine, tmp_path: Path, settled: Callable[[str], dict[str, Any]]
) -> None:
    path = write_rows(tmp_path / "dates.json", DATES)
    verbs.train({"dataset": str(path), "name": "dates", "options": SMALL})
    assert settled("dates")["state"] == "finished"


@pytest.mark.parametrize("rehearsed", [True, False], ids=["stand-in", "the real library"])
def test_rows_are_loaded_as_they_are_and_anew_when_they_change(tmp_path: Path, rehearsed: bool) -> None:
    if not rehearsed:
        pytest.importorskip("datasets", reason="it is on the machine; here only where somebody installed it")
    for word in ("first", "second"):
        path = write_rows(tmp_path / "train.json", [{"content": word, "summary": "2023-05-02"}])
        os.utime(path, ns=(0, 1 if word == "first" else 2))
        assert load(path, tmp_path / "cache", rehearsed=rehearsed) == {"content": word, "summary": "2023-05-02"}
