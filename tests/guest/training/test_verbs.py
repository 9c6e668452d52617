"""Fine-tuning from data set to deployed demo, with real processes and the rehearsal as upstream."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guest.errors import GuestError
from guest.rehearsal.torch_files import read_floats
from guest.training import demo, gpu_task, process, verbs
from guest.training.machine import Machine
from guest.training.runs import Run

from .conftest import SMALL, rows, step_of, until, write_rows

Settled = Callable[[str], dict[str, Any]]


class FakeDemo:
    """Records what is asked of the demo; `answers` is whether it comes up."""

    def __init__(self, running: bool = True, answers: bool = True) -> None:
        self.running = running
        self.answers = answers
        self.asked: list[str] = []

    def is_running(self) -> bool:
        return self.running

    def stop(self) -> None:
        self.asked.append("stop")
        self.running = False

    def start(self) -> None:
        self.asked.append("start")
        self.running = True

    def wait_until_answers(self, seconds: float) -> bool:
        return self.answers


@pytest.fixture
def fake_demo(monkeypatch: pytest.MonkeyPatch) -> FakeDemo:
    fake = FakeDemo()
    monkeypatch.setattr(demo, "control", lambda _: fake)
    return fake


def run_of(machine: Machine, name: str = "first") -> Run:
    return Run(machine.runs / name)


def test_a_training_runs_to_its_end_and_leaves_metrics_and_checkpoints(
    machine: Machine, dataset: Path, settled: Settled
) -> None:
    started = verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    assert (started["state"], started["rehearsal"], started["data"]["rows"]) == ("running", True, 8)
    summary = settled("first")
    assert (summary["state"], summary["newestCheckpoint"]) == ("finished", 30)
    progress = summary["progress"]
    assert (progress["phase"], progress["step"], progress["total"]) == ("finished", 30, 30)
    assert [step for step, _ in progress["losses"]] == [1, 5, 10, 15, 20, 25, 30]
    run = run_of(machine)
    assert json.loads((run.output / "train_results.json").read_text())["train_samples"] == 8
    # The limit on kept checkpoints holds.
    assert [one.step for one in run.checkpoints()] == [20, 30]


def test_the_task_is_in_a_session_of_its_own_so_it_outlives_the_connection(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.2")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    task = gpu_task.current(machine)
    assert task is not None
    assert Path(f"/proc/{task.supervisor.pid}").exists()
    session = Path(f"/proc/{task.supervisor.pid}/stat").read_text().rpartition(")")[2].split()[3]
    assert int(session) == task.supervisor.pid


def test_only_one_training_at_a_time(machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.2")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    with pytest.raises(GuestError, match="Run first is training"):
        verbs.train({"dataset": str(dataset), "name": "second", "options": SMALL})
    assert not run_of(machine, "second").folder.exists()


def test_a_second_run_of_the_same_name_is_refused_and_the_first_keeps_everything(
    machine: Machine, dataset: Path, settled: Settled
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    before = sorted(str(path) for path in run_of(machine).folder.rglob("*"))
    with pytest.raises(GuestError, match="There is a run named first already"):
        verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    assert sorted(str(path) for path in run_of(machine).folder.rglob("*")) == before
    assert gpu_task.current(machine) is None


def test_a_killed_run_is_interrupted_and_resumes_to_the_very_same_prefix(
    machine: Machine, dataset: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs.train({"dataset": str(dataset), "name": "whole", "options": SMALL})
    settled("whole")
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.05")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    run = run_of(machine)
    until(lambda: run.newest_complete() and step_of(run) >= 12)
    kill(machine)
    assert verbs.progress({"run": "first"})["state"] == "interrupted"

    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.002")
    resumed = verbs.train({"resume": "first"})
    assert resumed["resumedFrom"] in (10, 20)
    summary = settled("first")
    assert (summary["state"], summary["newestCheckpoint"]) == ("finished", 30)
    end = "output/checkpoint-30/pytorch_model.bin"
    whole = read_floats(machine.runs / "whole" / end)
    assert read_floats(machine.runs / "first" / end) == whole
    assert len(run.record.attempts) == 2


def test_stopping_saves_the_step_that_was_reached(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.03")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"save_steps": 30}})
    run = run_of(machine)
    until(lambda: step_of(run) >= 3)
    stopped = verbs.stop_training({})
    assert (stopped["stopped"], stopped["state"]) == ("first", "stopped")
    assert 3 <= stopped["newestCheckpoint"] < 30
    assert verbs.train({"resume": "first"})["resumedFrom"] == stopped["newestCheckpoint"]


def test_stopping_does_not_wait_longer_than_its_patience(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "60")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    began = time.monotonic()
    assert verbs.stop_training({"patienceSeconds": 0.1})["state"] == "stopped"
    assert time.monotonic() - began < 10


def test_stopping_when_nothing_runs_says_so(machine: Machine) -> None:
    assert verbs.stop_training({}) == {"stopped": None}


def test_a_checkpoint_can_be_asked_for_while_the_training_goes_on(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.03")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"save_steps": 30}})
    run = run_of(machine)
    until(lambda: step_of(run) >= 2)
    assert verbs.save_now({}) == {"asked": "first"}
    saved = until(run.newest_complete)
    assert saved.step < 30
    assert gpu_task.current(machine) is not None


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("zero loss", "exactly 0"),
        ("nan loss", "not a number"),
        ("out of memory", "CUDA out of memory"),
        ("crash", "the crash that the data asked for"),
    ],
)
def test_a_run_that_cannot_succeed_is_stopped_with_the_reason_and_keeps_its_checkpoints(
    machine: Machine, tmp_path: Path, settled: Settled, failure: str, reason: str
) -> None:
    data = write_rows(tmp_path / "failing.json", rows(first=f"rehearsal: {failure} at 15"))
    options = SMALL | {"logging_steps": 1, "max_steps": 100_000}
    verbs.train({"dataset": str(data), "name": "first", "options": options})
    summary = settled("first")
    assert summary["state"] == "failed"
    assert reason in summary["reason"]
    assert summary["hint"]
    assert summary["newestCheckpoint"] >= 10


def test_a_half_written_checkpoint_is_never_chosen_and_is_set_aside(
    machine: Machine, tmp_path: Path, settled: Settled
) -> None:
    data = write_rows(tmp_path / "failing.json", rows(first="rehearsal: half checkpoint at 15"))
    verbs.train({"dataset": str(data), "name": "first", "options": SMALL})
    summary = settled("first")
    assert (summary["newestCheckpoint"], summary["incompleteCheckpoints"]) == (10, ["checkpoint-20"])
    with pytest.raises(GuestError, match=r"Checkpoint 20 of run first is not complete: optimizer.pt is not whole"):
        verbs.deploy_choice({"run": "first", "checkpoint": 20})
    resumed = verbs.train({"resume": "first"})
    assert (resumed["resumedFrom"], resumed["setAside"]) == (10, ["checkpoint-20"])
    assert settled("first")["state"] == "finished"
    assert list((run_of(machine).folder / "broken").iterdir())


def test_a_finished_run_goes_on_only_with_more_steps_and_keeps_its_prefix_length(
    machine: Machine, dataset: Path, settled: Settled
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    with pytest.raises(GuestError, match="has done its 30 steps"):
        verbs.train({"resume": "first"})
    with pytest.raises(GuestError, match="pre_seq_len: the run has 4 and cannot change to 8"):
        verbs.train({"resume": "first", "options": {"pre_seq_len": 8}})
    verbs.train({"resume": "first", "options": {"max_steps": 40}})
    assert settled("first")["newestCheckpoint"] == 40


def test_the_demo_is_stopped_before_training(machine: Machine, dataset: Path, fake_demo: FakeDemo) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    assert fake_demo.asked == ["stop"]
    assert json.loads((run_of(machine).folder / "job.json").read_text())["restart_demo"] is True


def test_bad_data_and_options_are_refused_before_anything_is_touched(
    machine: Machine, tmp_path: Path, fake_demo: FakeDemo
) -> None:
    bad = write_rows(tmp_path / "train.json", [{"prompt": "a", "summary": "b"}])
    worse = tmp_path / "dev.json"
    worse.write_text("{broken\n", encoding="utf-8")
    with pytest.raises(GuestError) as caught:
        verbs.train({"dataset": str(bad), "dev": str(worse), "name": "first"})
    assert "train.json" in caught.value.message
    assert "no column 'content'" in caught.value.message
    assert "dev.json" in caught.value.message
    with pytest.raises(GuestError, match="no such option"):
        verbs.train({"dataset": str(bad), "options": {"pre_seq_length": 1}})
    assert fake_demo.asked == []
    assert not machine.runs.exists()


def test_evaluation_scores_the_checkpoint_and_keeps_the_predictions(
    machine: Machine, dataset: Path, tmp_path: Path, settled: Settled
) -> None:
    dev = write_rows(tmp_path / "dev.json", [*rows(3), {"content": "rehearsal: empty prediction", "summary": "好"}])
    verbs.train({"dataset": str(dataset), "dev": str(dev), "name": "first", "options": SMALL})
    settled("first")
    assert verbs.start_evaluation({"run": "first", "samples": 4})["checkpoint"] == "checkpoint-30"
    until(lambda: gpu_task.current(machine) is None)
    (outcome,) = verbs.evaluation({"run": "first"})["evaluations"]
    assert (outcome["state"], outcome["samples"], outcome["rehearsal"]) == ("finished", 4, True)
    assert set(outcome["scores"]) == {"rouge-1", "rouge-2", "rouge-l", "bleu-4"}
    assert outcome["scores"]["rouge-1"] > 0
    # The empty one counts as 0 instead of ending the evaluation.
    assert outcome["emptyPredictions"] == 1
    assert len(Path(outcome["predictions"]).read_text(encoding="utf-8").splitlines()) == 4
    # Not AdvertiseGen: no published figures beside it.
    assert outcome["published"] is None
    arguments = json.loads((run_of(machine).evaluation / "checkpoint-30" / "options.json").read_text())
    assert arguments["pre_seq_len"] == 4


def test_a_run_without_dev_set_cannot_be_evaluated(machine: Machine, dataset: Path, settled: Settled) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    with pytest.raises(GuestError, match="has no dev set"):
        verbs.start_evaluation({"run": "first"})


def test_deploying_serves_the_run_with_its_own_prefix_length_and_base_goes_back(
    machine: Machine, dataset: Path, settled: Settled, fake_demo: FakeDemo
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    fake_demo.asked.clear()
    served = verbs.deploy_choice({"run": "first"})
    assert (served["serving"], served["preSeqLen"]) == ("first/checkpoint-30", 4)
    settings = json.loads((machine.state / "serving.json").read_text())
    assert json.loads(Path(settings["arguments"][0]).read_text())["pre_seq_len"] == 4
    assert fake_demo.asked == ["stop", "start"]
    assert verbs.list_all({})["serving"] == "first/checkpoint-30"
    assert verbs.deploy_choice({"run": "base"})["serving"] == "base"
    assert verbs.list_all({})["serving"] == "base"


def test_a_demo_that_does_not_come_up_goes_back_to_what_it_served(
    machine: Machine, dataset: Path, settled: Settled, fake_demo: FakeDemo
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    verbs.deploy_choice({"run": "base"})
    fake_demo.answers = False
    with pytest.raises(GuestError, match="did not answer within 1 s with first/checkpoint-30"):
        verbs.deploy_choice({"run": "first", "timeoutSeconds": 1})
    assert verbs.list_all({})["serving"] == "base"
    assert fake_demo.running


def test_a_machine_without_demo_says_so(machine: Machine, dataset: Path, settled: Settled) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    with pytest.raises(GuestError, match="No demo is installed"):
        verbs.deploy_choice({"run": "first"})
    assert not (machine.state / "serving.json").exists()


def test_a_run_moves_to_another_machine_and_goes_on_there(
    machine: Machine, dataset: Path, settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    packed = verbs.pack({"run": "first"})
    assert packed["step"] == 30
    monkeypatch.setenv("CHATGLM_ROOT", str(tmp_path / "another"))
    taken = verbs.unpack({"path": packed["path"], "sha256": packed["sha256"]})
    assert (taken["run"], taken["newestCheckpoint"]) == ("first", 30)
    assert verbs.train({"resume": "first", "options": {"max_steps": 35}})["resumedFrom"] == 30
    another = Machine(tmp_path / "another", machine.source, machine.model)
    until(lambda: gpu_task.current(another) is None)
    assert verbs.progress({"run": "first"})["state"] == "finished"


@pytest.mark.parametrize(
    ("verb", "options", "message"),
    [
        ("checkpoints", {"run": "none"}, "no run named none"),
        ("checkpoints", {}, "name of a run is missing"),
        ("progress", {"run": "a.b"}, "cannot be the name"),
        ("train", {}, "needs a data set"),
        ("train", {"dataset": "/nowhere.json"}, "no file /nowhere.json"),
        ("train", {"datset": "x", "dev": 3}, "datset: there is no such option"),
        ("evaluate", {"run": "none", "samples": "many"}, "samples: 'many' has the wrong type"),
        ("unpack", {"path": "/nowhere.zip"}, "no file /nowhere.zip"),
    ],
)
def test_bad_input_gets_one_plain_message(machine: Machine, verb: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(GuestError, match=message):
        verbs.VERBS[verb](options)


def test_what_the_system_refuses_is_told_plainly(machine: Machine, dataset: Path) -> None:
    machine.root.mkdir()
    machine.runs.write_text("a file where the folder should be")
    with pytest.raises(GuestError, match="The system refused it"):
        verbs.VERBS["train"]({"dataset": str(dataset), "name": "first"})
    assert gpu_task.current(machine) is None


def test_a_rehearsed_run_is_not_taken_for_a_real_one(
    machine: Machine, dataset: Path, settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    real = tmp_path / "ChatGLM-6B" / "ptuning"
    real.mkdir(parents=True)
    (real / "main.py").touch()
    monkeypatch.setenv("CHATGLM_SOURCE", str(real.parent))
    with pytest.raises(GuestError, match="made by a rehearsal; this machine has the real model"):
        verbs.train({"resume": "first", "options": {"max_steps": 40}})
    with pytest.raises(GuestError, match="made by a rehearsal"):
        verbs.deploy_choice({"run": "first"})


def kill(machine: Machine) -> None:
    """End supervisor and child at once, as a machine that is taken away does."""
    task = until(lambda: (found := gpu_task.current(machine)) and found.child and found)
    process.kill_tree(task.supervisor)
    process.kill_tree(task.child)
    until(lambda: gpu_task.current(machine) is None)
