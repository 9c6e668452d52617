"""Fine-tuning from data set to deployed demo, with real processes and the rehearsal as upstream."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guest import deploy, process
from guest.errors import GuestError
from guest.history import render
from guest.machine import Machine
from guest.rehearsal.arguments import Arguments
from guest.rehearsal.data import prompts
from guest.rehearsal.torch_files import read_floats
from guest.training import demo, gpu_task, verbs
from guest.training.recovery import recover
from guest.training.runs import Run
from tests.waiting import HANG_SECONDS, wait_until

from .conftest import SMALL, progress_of, rows, step_of, write_rows

Settled = Callable[[str], dict[str, Any]]


class FakeDemo:
    """Records what is asked of the demo; `answers` is whether it comes up."""

    def __init__(self, running: bool = True, answers: bool = True) -> None:
        self.running = running
        self.answers = answers
        self.asked: list[str] = []

    def is_running(self) -> bool:
        return self.running

    def is_wanted(self) -> bool:
        return self.running

    def stop(self) -> None:
        self.asked.append("stop")
        self.running = False

    def start(self) -> None:
        self.asked.append("start")
        self.running = True

    def wait_until_answers(self, seconds: float) -> str | None:
        return None if self.answers else "CUDA out of memory."


@pytest.fixture
def fake_demo(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> FakeDemo:
    settings = {
        "demoPort": 9,
        "demoUser": "chatglm",
        "demoPasswordHash": "x",
        "precision": "fp16",
        "servedModel": "base",
    }
    machine.root.mkdir(parents=True, exist_ok=True)
    (machine.root / "manifest.json").write_text(json.dumps({"settings": settings}), encoding="utf-8")
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
    wait_until(lambda: run.newest_complete() and step_of(run) >= 12)
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
    wait_until(lambda: step_of(run) >= 3)
    stopped = verbs.stop_training({})
    assert (stopped["stopped"], stopped["state"]) == ("first", "stopped")
    assert 3 <= stopped["newestCheckpoint"] < 30
    assert verbs.train({"resume": "first"})["resumedFrom"] == stopped["newestCheckpoint"]


def test_stopping_does_not_wait_longer_than_its_patience(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", str(2 * HANG_SECONDS))
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    began = time.monotonic()
    assert verbs.stop_training({"patienceSeconds": 0.1})["state"] == "stopped"
    assert time.monotonic() - began < HANG_SECONDS, "a step takes longer"


def test_stopping_when_nothing_runs_says_so(machine: Machine) -> None:
    assert verbs.stop_training({}) == {"stopped": None}


def test_a_checkpoint_can_be_asked_for_while_the_training_goes_on(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.03")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"save_steps": 30}})
    run = run_of(machine)
    wait_until(lambda: step_of(run) >= 2)
    assert verbs.save_now({}) == {"asked": "first"}
    saved = wait_until(run.newest_complete)
    assert saved.step < 30
    assert gpu_task.current(machine) is not None


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("zero loss", "exactly 0"),
        ("nan loss", "not a number"),
        ("out of memory", "CUDA out of memory"),
        ("crash", "the crash that the data asked for"),
        ("disk full", "The disk is full"),
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
        deploy.deploy_choice({"run": "first", "checkpoint": 20})
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


def test_the_demo_is_stopped_before_training(
    machine: Machine, dataset: Path, fake_demo: FakeDemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.2")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    assert fake_demo.asked == ["stop"]
    assert json.loads(run_of(machine).job_file.read_text())["job"]["restart_demo"] is True


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


def test_ready_int4_weights_are_trained_as_what_they_are(machine: Machine, dataset: Path, settled: Settled) -> None:
    machine.model.mkdir(parents=True, exist_ok=True)
    (machine.model / "config.json").write_text('{"quantization_bit": 4}', encoding="ascii")
    with pytest.raises(GuestError, match="4-bit weights; the training asks for 16-bit") as told:
        verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    assert "quantization_bit to 4" in told.value.hint
    assert not machine.runs.exists()
    verbs.train({"dataset": str(dataset), "name": "first", "options": {**SMALL, "quantization_bit": 4}})
    assert settled("first")["state"] == "finished"


def test_the_last_step_is_saved_though_no_checkpoint_is_due(machine: Machine, dataset: Path, settled: Settled) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"max_steps": 5, "save_steps": 2}})
    summary = settled("first")
    assert (summary["state"], summary["newestCheckpoint"]) == ("finished", 5)


def test_a_run_shorter_than_the_save_interval_is_saved_too(machine: Machine, dataset: Path, settled: Settled) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"max_steps": 3, "save_steps": 50}})
    assert settled("first")["newestCheckpoint"] == 3


def test_a_small_set_that_is_learnt_by_heart_is_trained_to_its_end(
    machine: Machine, tmp_path: Path, settled: Settled
) -> None:
    data = write_rows(tmp_path / "small.json", rows(first="rehearsal: learnt by heart at 5"))
    verbs.train({"dataset": str(data), "name": "first", "options": SMALL | {"logging_steps": 1}})
    summary = settled("first")
    assert (summary["state"], summary["newestCheckpoint"]) == ("finished", 30)
    assert summary["progress"]["losses"][-1][1] == 0.0


def test_the_person_s_texts_in_the_log_stop_nothing(machine: Machine, tmp_path: Path, settled: Settled) -> None:
    text = "{'loss': 0.0, 'learning_rate': 0.1}\n{'loss': nan}\n100%|██████████| 9/9 [00:09<00:00, 1.00s/it]"
    data = write_rows(tmp_path / "quoting.json", rows(first=text))
    verbs.train({"dataset": str(data), "name": "first", "options": SMALL})
    summary = settled("first")
    assert (summary["state"], summary["progress"]["total"]) == ("finished", 30)
    assert "{'loss': nan}" in run_of(machine).log.read_text(encoding="utf-8")


def test_from_the_first_moment_progress_is_that_of_this_attempt(
    machine: Machine, tmp_path: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_rows(tmp_path / "failing.json", rows(first="rehearsal: crash at 15"))
    verbs.train({"dataset": str(data), "name": "first", "options": SMALL})
    assert settled("first")["progress"]["phase"] == "failed"
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.1")
    verbs.train({"resume": "first"})
    run, seen = run_of(machine), set()
    wait_until(lambda: seen.add(progress_of(run)["phase"]) or step_of(run) >= 13)
    assert "failed" not in seen
    told = progress_of(run)
    assert (told["phase"], told["total"]) == ("training", 30)
    # The untitled 1/1 bars of the data read as 100 % before.
    assert told["percent"] < 60


def test_the_time_left_after_a_resume_does_not_count_the_steps_of_before(
    machine: Machine, tmp_path: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = write_rows(tmp_path / "failing.json", rows(first="rehearsal: crash at 25"))
    options = SMALL | {"max_steps": 60, "save_steps": 20}
    verbs.train({"dataset": str(data), "name": "first", "options": options})
    settled("first")
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.15")
    verbs.train({"resume": "first"})
    told = wait_until(lambda: (found := progress_of(run_of(machine)))["step"] >= 24 and found)
    # 0.15 s a step and nothing less; a loaded machine may take longer.
    assert told["secondsLeft"] >= 0.9 * 0.15 * (60 - told["step"])


def test_what_a_run_caches_is_gone_at_its_end_and_lay_in_the_project_s_folder(
    machine: Machine, dataset: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.1")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    wait_until(lambda: list(machine.training_cache.rglob("*.arrow")))
    verbs.stop_training({})
    wait_until(lambda: gpu_task.current(machine) is None)
    assert not machine.training_cache.exists()


def test_a_supervisor_that_fails_ends_upstream_s_process_first(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.05")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"max_steps": 100_000}})
    run = run_of(machine)
    wait_until(lambda: step_of(run) >= 2)
    task = gpu_task.current(machine)
    assert task is not None
    assert task.child is not None
    # What only a failing disk or a fault of this project brings about: an event that is none.
    with run.events_file.open("a") as events:
        events.write("no event\n")
    wait_until(lambda: gpu_task.current(machine) is None)
    assert not task.child.is_alive()
    assert "The supervisor failed" in verbs.progress({"run": "first"})["reason"]


def test_a_supervisor_that_is_asked_to_end_ends_upstream_s_process_first(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.05")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"max_steps": 100_000}})
    task = wait_until(lambda: (found := gpu_task.current(machine)) and found.child and found)
    os.kill(task.supervisor.pid, signal.SIGTERM)
    wait_until(lambda: not task.supervisor.is_alive())
    assert not task.child.is_alive()


def test_one_record_that_cannot_be_read_hides_no_other_run(machine: Machine, dataset: Path, settled: Settled) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    for name, text in (("broken", "{half"), ("newer", '{"schema": 7}')):
        (machine.runs / name).mkdir()
        (machine.runs / name / "run.json").write_text(text)
    told = {run["run"]: run for run in verbs.list_all({})["runs"]}
    assert told["first"]["state"] == "finished"
    assert told["broken"]["state"] == told["newer"]["state"] == "unreadable"
    assert "another version of this project" in told["newer"]["reason"]


def test_progress_is_told_while_a_first_evaluation_starts(machine: Machine, dataset: Path, settled: Settled) -> None:
    verbs.train({"dataset": str(dataset), "dev": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    with gpu_task.claimed(machine, kind="evaluate", run="first") as claimed:
        # The GPU is claimed and nothing written yet.
        assert verbs.progress({})["kind"] == "evaluate"
        gpu_task.release(machine, claimed.token)


def test_training_evaluation_and_chat_feed_the_same_prompt(machine: Machine, tmp_path: Path, settled: Settled) -> None:
    turns = [["你好", "你好，请问有什么可以帮您？"]]
    data = write_rows(
        tmp_path / "chat.json",
        [{"content": "好", "summary": "好的", "history": []}, {"content": "再来", "summary": "行", "history": turns}],
    )
    options = SMALL | {"history_column": "history"}
    verbs.train({"dataset": str(data), "dev": str(data), "name": "first", "options": options})
    settled("first")
    run = run_of(machine)
    clean = [json.loads(line) for line in run.train_file.read_text().splitlines()]
    assert [row["content"] for row in clean] == [render([], "好"), render([(a, b) for a, b in turns], "再来")]
    assert run.dev_file.read_text() == run.train_file.read_text()
    told = json.loads(run.arguments_file.read_text())
    fed = Arguments("", prompt_column=told["prompt_column"], history_column=told.get("history_column"))
    for training in (True, False):
        assert prompts(clean, fed, training=training) == [row["content"] for row in clean]


def test_an_interrupted_run_goes_on_by_itself_when_the_machine_is_back(
    machine: Machine, dataset: Path, settled: Settled, fake_demo: FakeDemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.05")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    run = run_of(machine)
    wait_until(lambda: run.newest_complete() and step_of(run) >= 12)
    kill(machine)
    fake_demo.asked.clear()
    fake_demo.running = False
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.002")
    done = recover(machine)
    assert done is not None
    assert (done["run"], done["resumedFrom"]) in (("first", 10), ("first", 20))
    # What the vanished task had stopped is not forgotten.
    assert settled("first")["state"] == "finished"
    assert recover(machine) is None


def test_a_run_that_shall_not_go_on_stays_interrupted_and_the_demo_comes_back(
    machine: Machine, dataset: Path, fake_demo: FakeDemo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.05")
    verbs.train({"dataset": str(dataset), "name": "first", "keepGoing": False, "options": SMALL})
    wait_until(lambda: step_of(run_of(machine)) >= 2)
    kill(machine)
    fake_demo.asked.clear()
    assert recover(machine) == {"demo": "started"}
    assert fake_demo.asked == ["start"]
    assert verbs.progress({"run": "first"})["state"] == "interrupted"
    assert recover(machine) is None


def test_a_run_that_somebody_stopped_does_not_go_on_but_one_of_a_reclaimed_machine_does(
    machine: Machine, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.05")
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    wait_until(lambda: step_of(run_of(machine)) >= 2)
    verbs.stop_training({})
    assert recover(machine) is None
    verbs.train({"resume": "first"})
    wait_until(lambda: step_of(run_of(machine)) >= 4)
    stopped = verbs.stop_training({"machineEnds": True})
    assert (stopped["state"], stopped["reason"]) == ("interrupted", "The machine was taken back.")
    done = recover(machine)
    assert done is not None
    assert done["resumedFrom"] == stopped["newestCheckpoint"]


def test_memory_decides_about_checkpointing_and_it_is_said(
    machine: Machine, dataset: Path, settled: Settled, fake_gpu: Callable[[int], None]
) -> None:
    fake_gpu(15_000)
    started = verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"quantization_bit": 4}})
    assert started["memory"].startswith("without gradient checkpointing: ")
    assert "without the weights' gradients" in started["memory"]
    settled("first")
    launch = json.loads(run_of(machine).launch_file.read_text())
    assert (launch["checkpointing"], launch["weight_gradients"]) == (False, False)
    fake_gpu(6_000)
    started = verbs.train({"dataset": str(dataset), "name": "second", "options": SMALL | {"quantization_bit": 4}})
    assert started["memory"].startswith("with gradient checkpointing: ")


def test_a_run_that_ran_out_of_memory_without_checkpointing_goes_on_with_it(
    machine: Machine, tmp_path: Path, settled: Settled, fake_gpu: Callable[[int], None]
) -> None:
    fake_gpu(15_000)
    data = write_rows(tmp_path / "failing.json", rows(first="rehearsal: out of memory at 15"))
    verbs.train({"dataset": str(data), "name": "first", "options": SMALL | {"quantization_bit": 4}})
    assert settled("first")["state"] == "failed"
    assert "memory ran out" in verbs.train({"resume": "first"})["memory"]


def test_rows_are_held_out_measured_and_end_a_training_that_learns_nothing_more(
    machine: Machine, tmp_path: Path, settled: Settled
) -> None:
    data = write_rows(tmp_path / "overfit.json", [{"content": "rehearsal: overfit", "summary": "x"}] * 10)
    options = SMALL | {"hold_out": 0.2, "patience": 2, "max_steps": 1000, "save_total_limit": 2}
    started = verbs.train({"dataset": str(data), "name": "first", "options": options})
    assert started["heldOutRows"] == 2
    summary = settled("first")
    run = run_of(machine)
    assert len(run.train_file.read_text().splitlines()) == 8
    assert summary["state"] == "finished"
    assert "fell no more" in summary["reason"]
    # The loss rises from the start: step 10 is the best, 20 and 30 use the patience up.
    assert [step for step, _ in summary["progress"]["holdOutLosses"]] == [10, 20, 30]
    assert summary["bestCheckpoint"] == 10
    # The best one outlives the limit of two.
    assert [one.step for one in run.checkpoints()] == [10, 30]
    assert deploy.run_settings(machine, run, run.checkpoint(None))["choice"] == "first/checkpoint-10"


def test_measurements_on_held_out_rows_go_on_after_a_resume_and_on_another_machine(
    machine: Machine, dataset: Path, settled: Settled
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"hold_out": 0.25}})
    settled("first")
    folder = run_of(machine).folder
    # As on a machine on which the project lies elsewhere: the best checkpoint's recorded path is not there.
    for state in folder.glob("output/checkpoint-*/trainer_state.json"):
        document = json.loads(state.read_text())
        state.write_text(json.dumps(document | {"best_model_checkpoint": "/elsewhere/checkpoint-30"}))
    verbs.train({"resume": "first", "options": {"max_steps": 50}})
    summary = settled("first")
    assert summary["state"] == "finished"
    losses = json.loads(run_of(machine).hold_out_losses.read_text())
    assert [step for step, _ in losses] == [10, 20, 30, 40, 50]
    assert summary["bestCheckpoint"] == 50


def test_one_row_cannot_be_held_out(machine: Machine, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "one.json", rows(1))
    with pytest.raises(GuestError, match="Of one row none can be held out"):
        verbs.train({"dataset": str(data), "name": "first", "options": SMALL | {"hold_out": 0.5}})
    assert not run_of(machine).folder.exists()


def test_base_and_tuned_model_answer_the_same_ten_questions_side_by_side(
    machine: Machine, tmp_path: Path, settled: Settled
) -> None:
    data = write_rows(tmp_path / "train.json", rows(40))
    verbs.train({"dataset": str(data), "name": "first", "options": SMALL | {"hold_out": 0.5}})
    settled("first")
    with pytest.raises(GuestError, match="has not been compared"):
        verbs.comparison({"run": "first"})
    assert verbs.compare({"run": "first"})["questions"] == 10
    wait_until(lambda: gpu_task.current(machine) is None)
    told = verbs.comparison({"run": "first"})
    assert (told["state"], told["checkpoint"], len(told["answers"])) == ("finished", "checkpoint-30", 10)
    held_out = {json.loads(line)["content"] for line in run_of(machine).hold_out_file.read_text().splitlines()}
    for row in told["answers"]:
        assert row["question"] in held_out
        assert row["expected"] == "宽松的裤子很好看"
        assert "Serving: base model" in row["base"]
        assert "Serving: prefix of 4 tokens" in row["tuned"]
    verbs.compare({"run": "first", "questions": ["rehearsal: cuda error"]})
    wait_until(lambda: gpu_task.current(machine) is None)
    assert "reported an error" in verbs.comparison({"run": "first"})["reason"]
    with pytest.raises(GuestError, match="every one must be a text"):
        verbs.compare({"run": "first", "questions": [""]})


def test_evaluation_scores_the_checkpoint_and_keeps_the_predictions(
    machine: Machine, dataset: Path, tmp_path: Path, settled: Settled, fake_gpu: Callable[[int], None]
) -> None:
    fake_gpu(15_000)
    dev = write_rows(tmp_path / "dev.json", [*rows(3), {"content": "rehearsal: empty prediction", "summary": "好"}])
    verbs.train({"dataset": str(dataset), "dev": str(dev), "name": "first", "options": SMALL})
    settled("first")
    started = verbs.start_evaluation({"run": "first", "samples": 4})
    assert (started["checkpoint"], started["batchSize"]) == ("checkpoint-30", 4)
    wait_until(lambda: gpu_task.current(machine) is None)
    (outcome,) = verbs.evaluation({"run": "first"})["evaluations"]
    assert (outcome["state"], outcome["samples"], outcome["rehearsal"]) == ("finished", 4, True)
    assert set(outcome["scores"]) == {"rouge-1", "rouge-2", "rouge-l", "bleu-4"}
    assert outcome["scores"]["rouge-1"] > 0
    # The empty one counts as 0 instead of ending the evaluation.
    assert outcome["emptyPredictions"] == 1
    predictions = Path(outcome["predictions"]).read_text(encoding="utf-8")
    assert len(predictions.splitlines()) == 4
    # Four rows of unequal labels were predicted at once.
    assert "<image_" not in predictions
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
    served = deploy.deploy_choice({"run": "first"})
    assert (served["serving"], served["preSeqLen"]) == ("first/checkpoint-30", 4)
    settings = json.loads((machine.state / "serving.json").read_text())
    assert json.loads(Path(settings["arguments"][0]).read_text())["pre_seq_len"] == 4
    assert fake_demo.asked == ["stop", "start"]
    assert verbs.list_all({})["serving"] == "first/checkpoint-30"
    assert deploy.deploy_choice({"run": "base"})["serving"] == "base"
    assert verbs.list_all({})["serving"] == "base"


def test_a_demo_that_does_not_come_up_goes_back_to_what_it_served(
    machine: Machine, dataset: Path, settled: Settled, fake_demo: FakeDemo
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    deploy.deploy_choice({"run": "base"})
    fake_demo.answers = False
    with pytest.raises(GuestError, match=r"does not answer with first/checkpoint-30\. CUDA out of memory"):
        deploy.deploy_choice({"run": "first", "timeoutSeconds": 1})
    assert verbs.list_all({})["serving"] == "base"
    assert fake_demo.running


def test_a_machine_without_demo_says_so(machine: Machine, dataset: Path, settled: Settled) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL})
    settled("first")
    with pytest.raises(GuestError, match="No demo is installed"):
        deploy.deploy_choice({"run": "first"})
    assert not (machine.state / "serving.json").exists()


def test_a_run_moves_to_another_machine_and_goes_on_there(
    machine: Machine, dataset: Path, settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs.train({"dataset": str(dataset), "name": "first", "options": SMALL | {"hold_out": 0.25}})
    settled("first")
    packed = verbs.pack({"run": "first"})
    assert packed["step"] == 30
    held_out = run_of(machine).hold_out_losses.read_text()
    monkeypatch.setenv("CHATGLM_ROOT", str(tmp_path / "another"))
    taken = verbs.unpack({"path": packed["path"], "sha256": packed["sha256"]})
    assert (taken["run"], taken["newestCheckpoint"]) == ("first", 30)
    another = Machine(tmp_path / "another", machine.source, machine.model)
    assert run_of(another).hold_out_losses.read_text() == held_out
    assert verbs.train({"resume": "first", "options": {"max_steps": 35}})["resumedFrom"] == 30
    wait_until(lambda: gpu_task.current(another) is None)
    assert [step for step, _ in json.loads(run_of(another).hold_out_losses.read_text())] == [10, 20, 30, 35]
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
        deploy.deploy_choice({"run": "first"})


def kill(machine: Machine) -> None:
    """End supervisor and child at once, as a machine that is taken away does."""
    task = wait_until(lambda: (found := gpu_task.current(machine)) and found.child and found)
    process.kill_tree(task.supervisor)
    process.kill_tree(task.child)
    wait_until(lambda: gpu_task.current(machine) is None)
