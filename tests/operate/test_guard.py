"""`chatglm guard` and `chatglm events` as a person types them: what is refused, and a reclaim with the real engine."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from guest.exclusive import exclusive
from localcloud.control_client import Control
from rehearsal.engine import ROOT
from tests.guest.unattended.receiver import Receiver, receiving
from tests.operate.conftest import Chatglm, LocalCloud, make_stack
from tests.waiting import wait_until
from tools.throwaway import local_cloud
from tools.workspace import Workspace

SECRET = "SEC-of-the-robot-1234"


def test_a_stack_that_says_nothing_is_told_what_to_set(chatglm: Chatglm) -> None:
    answer = chatglm(make_stack(), "guard", "--once")
    assert answer.exit_code == 2
    assert "idleMinutes" in answer.stderr


def test_a_budget_below_one_hours_price_is_refused_in_words(chatglm: Chatglm, cloud: LocalCloud) -> None:
    config = {"chatglm:budgetPerDay": "1", "chatglm:budgetPerMonth": "1.5"}
    stack = replace(make_stack(config=config), environment=cloud.environment)
    answer = chatglm(stack, "guard", "--once")
    assert answer.exit_code == 2
    assert "chatglm:budgetPerDay is 1 and chatglm:budgetPerMonth is 1.5, and one hour" in answer.stderr


def test_contradictions_are_told_all_at_once(chatglm: Chatglm) -> None:
    config = {"chatglm:parkAt": "08:00", "chatglm:restoreAt": "08:00", "chatglm:idleMinutes": "5"}
    answer = chatglm(make_stack(config=config), "guard", "--once")
    assert answer.exit_code == 2
    assert "2 settings are wrong" in answer.stderr


def test_a_second_guard_on_this_computer_is_refused(
    chatglm: Chatglm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHATGLM_HOME", str(tmp_path))
    with exclusive(tmp_path / "guard" / "organization-chatglm-test.lock"):
        answer = chatglm(make_stack(config={"chatglm:idleMinutes": "30"}), "guard", "--once")
    assert answer.exit_code == 6
    assert "Another guard of this stack works on this computer" in answer.stderr


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(SECRET) as made:
        yield made


def run(stack: Workspace, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "operate", *arguments, "--json", "--stack", stack.stack]
    environment = {**stack.environment, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=stack.project, env=environment, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert SECRET not in answer.stdout + answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.mark.e2e
def test_a_reclaim_is_found_told_and_mended_and_every_step_is_in_the_log(tmp_path: Path, receiver: Receiver) -> None:
    with local_cloud(tmp_path / "cloud", "--no-guests") as port:
        settings = {"chatglm:waitReady": "false", "chatglm:restoreAfterReclaim": "true"}
        stack = Workspace(tmp_path / "stack", tmp_path / "cloud", port, settings=settings)
        webhooks = f"dingtalk {receiver.url}/dingtalk {SECRET}; json http://127.0.0.1:9/{SECRET} {SECRET}"
        stack.pulumi("config", "set", "--secret", "chatglm:webhooks", stdin=webhooks, check=True)
        for state in ("running", "parked", "running"):
            assert stack.up(state).ok
        assert run(stack, "guard", "--once")["reason"]["id"] == "in-order"
        control = Control(f"http://127.0.0.1:{port}")
        lost = str(stack.outputs()["machineId"])
        control.reclaim(lost, 0)

        outcome = run(stack, "guard", "--once")
        assert (outcome["act"], outcome["failure"]) == ("restore", None)
        assert [bool(one["error"]) for one in outcome["notices"]] == [False, True] * 2
        assert len(receiver.taken) == 2
        assert "机器被回收" in str(receiver.taken[0])
        assert stack.outputs()["machineId"] not in ("", lost)

        told = run(stack, "events", "-n", "100")["events"]
        ours = [(one["by"], one["act"], one.get("outcome")) for one in told if one["what"] == "change"]
        assert ours == [
            ("person", "up", "done"),
            ("person", "park", "done"),
            ("person", "up", "done"),
            ("guard", "reclaim", "done"),
            ("guard", "restore", "begun"),
            ("guard", "restore", "done"),
        ]
        # Another computer has the state, and nothing else of ours.
        assert run(stack, "guard", "--once")["act"] == "stay"
        assert SECRET not in stack.pulumi("stack", "tag", "ls").text


NAME = "long"


def train(stack: Workspace, folder: Path) -> None:
    data = folder / "train.json"
    data.write_text('{"content": "question", "summary": "answer"}\n' * 64, encoding="utf-8")
    steps = ("--max-steps", "3000", "--save-steps", "2", "--pre-seq-len", "8")
    run(stack, "train", str(data), "--detach", "--yes", "--name", NAME, *steps)


def told_of(stack: Workspace) -> dict[str, Any]:
    [row] = run(stack, "runs")["runs"]
    return dict(row)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.whole
def test_a_training_that_was_interrupted_goes_on_by_the_guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The machine's inside is not what is tried here, so the quicker twin plays it.
    monkeypatch.setenv("LOCALCLOUD_WINDOWS", "twin")
    with local_cloud(tmp_path / "cloud") as port:
        stack = Workspace(
            tmp_path / "stack", tmp_path / "cloud", port, settings={"chatglm:restoreAfterReclaim": "true"}
        )
        assert stack.up("running").ok
        train(stack, tmp_path)
        wait_until(lambda: told_of(stack)["newestCheckpoint"])
        assert run(stack, "guard", "--once")["reason"]["id"] == "task"

        # What a driver's reset or a person in the task manager does: the program vanishes, the machine stays.
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if str(tmp_path) in line and ("guest.training" in line or "main.py" in line):
                process.kill()
        wait_until(lambda: told_of(stack)["state"] == "interrupted")
        saved = told_of(stack)["newestCheckpoint"]

        outcome = run(stack, "guard", "--once")
        assert (outcome["act"], outcome["failure"]) == ("resume", None)
        wait_until(lambda: told_of(stack)["newestCheckpoint"] > saved)
        assert told_of(stack)["state"] == "running"
        told = run(stack, "events", "-n", "100")["events"]
        assert [one.get("outcome") for one in told if one["act"] == "resume" and one["what"] == "change"] == [
            "begun",
            "done",
        ]
        assert run(stack, "guard", "--once")["act"] == "stay"
        run(stack, "stop")
