"""Which settings serve a checkpoint: those of its run, and only where its prefix has the run's length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guest.deploy import run_settings
from guest.errors import GuestError
from guest.machine import Machine
from guest.training.options import read_options
from guest.training.runs import DataFile, Record, Run, create_run
from tests.guest.training.test_checkpoints import make


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "chatglm", tmp_path / "source", tmp_path / "model")


@pytest.fixture
def run(machine: Machine) -> Run:
    """A run of four tokens."""
    return create_run(
        machine.runs, Record("first", read_options({"pre_seq_len": 4}), DataFile("train.json", "a" * 64, 8))
    )


def test_a_checkpoint_is_served_with_the_prefix_length_of_its_run(machine: Machine, run: Run) -> None:
    make(run.output, 50, tokens=4)
    settings = run_settings(machine, run, run.checkpoint(50))
    assert (settings["choice"], settings["preSeqLen"]) == ("first/checkpoint-50", 4)
    assert json.loads(Path(settings["arguments"][0]).read_text(encoding="ascii"))["pre_seq_len"] == 4


@pytest.mark.parametrize("tokens", [3, 5, 128])
def test_a_prefix_of_another_length_is_told_before_minutes_of_loading(machine: Machine, run: Run, tokens: int) -> None:
    make(run.output, 50, tokens=tokens)
    with pytest.raises(GuestError, match=rf"in checkpoint-50 of run first has {tokens} tokens, the run says 4") as told:
        run_settings(machine, run, run.checkpoint(50))
    assert "set pre_seq_len there to what the checkpoint holds" in told.value.hint


def test_where_no_length_can_be_read_the_run_is_believed(
    machine: Machine, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(run.output, 50)
    monkeypatch.setattr("guest.deploy.saved_pre_seq_len", lambda _: None)
    assert run_settings(machine, run, run.checkpoint(50))["preSeqLen"] == 4
