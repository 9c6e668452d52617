"""From a data set on this computer to a served model: the commands against a real machine of the local guest."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from operate.stacks import Stack
from tools.throwaway import ReadyMachine

from .conftest import Chatglm

QUICK = ("--max-steps", "4", "--save-steps", "2", "--logging-steps", "1", "--pre-seq-len", "8")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.json"
    path.write_text('{"content": "类型#裤", "summary": "好看的裤子"}\n' * 20, encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operate.training.POLL_SECONDS", 0.1)


def document(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.slow
def test_a_run_goes_from_the_data_set_to_scores_and_back_to_this_computer(
    chatglm: Chatglm, stack: Stack, data: Path, tmp_path: Path
) -> None:
    folder = str(tmp_path / "runs")
    trained = chatglm(
        stack,
        "train",
        str(data),
        "--dev",
        str(data),
        "--name",
        "whole",
        *QUICK,
        "--keep-local",
        "--folder",
        folder,
        "--json",
    )
    assert trained.exit_code == 0, trained.output
    told = document(trained.stdout)
    assert (told["ended"]["state"], told["ended"]["newestCheckpoint"], told["kept"]) == ("finished", 4, 4)

    listed = document(chatglm(stack, "runs", "--json").stdout)
    assert {run["run"]: run["preSeqLen"] for run in listed["runs"]}["whole"] == 8

    evaluated = chatglm(stack, "evaluate", "whole", "--samples", "3", "--folder", folder, "--json")
    assert evaluated.exit_code == 0, evaluated.output
    scores = document(evaluated.stdout)
    assert set(scores["scores"]) == {"rouge-1", "rouge-2", "rouge-l", "bleu-4"}
    assert len(Path(scores["predictionsHere"]).read_text(encoding="utf-8").splitlines()) == 3

    deployed = chatglm(stack, "deploy", "whole", "--json")
    assert deployed.exit_code == 0, deployed.output
    assert document(deployed.stdout)["serving"] == "whole/checkpoint-4"
    assert document(chatglm(stack, "deploy", "base", "--json").stdout)["serving"] == "base"


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud's price of an hour; the stack of these tests has no account."""
    monkeypatch.setattr("operate.estimate.hourly_price", lambda *_: (Decimal("1.20"), ""))


@pytest.mark.slow
def test_time_and_cost_come_first_rows_are_held_out_and_both_models_are_compared(
    chatglm: Chatglm, stack: Stack, data: Path, priced: None
) -> None:
    options = ("--hold-out", "0.5", "--patience", "3", "--no-keep-going")
    trained = chatglm(stack, "train", str(data), "--name", "compared", *QUICK, *options, "--json")
    assert trained.exit_code == 0, trained.output
    told = document(trained.stdout)
    assert told["estimate"]["steps"] == 4
    assert 0 < told["estimate"]["costCny"] < 1
    assert (told["started"]["heldOutRows"], told["ended"]["keepGoing"]) == (10, False)
    assert [step for step, _ in told["ended"]["progress"]["holdOutLosses"]] == [2, 4]

    compared = chatglm(stack, "compare", "compared", "--json")
    assert compared.exit_code == 0, compared.output
    answers = document(compared.stdout)["answers"]
    assert len(answers) == 10
    assert "Serving: base model" in answers[0]["base"]
    assert "Serving: prefix of 8 tokens" in answers[0]["tuned"]
    asked = chatglm(stack, "compare", "compared", "--question", "你是谁")
    assert asked.exit_code == 0, asked.output
    assert "你是谁" in asked.output


def test_a_training_that_costs_much_is_asked_about(chatglm: Chatglm, stack: Stack, data: Path, priced: None) -> None:
    long = ("--max-steps", "200000", "--save-steps", "100000", "--name", "dear", "--detach")
    refused = chatglm(stack, "train", str(data), *long, "--json")
    assert refused.exit_code == 6
    assert "Nobody can be asked here" in document(refused.stdout)["error"]["message"]
    agreed = chatglm(stack, "train", str(data), *long, "--yes", "--json")
    assert agreed.exit_code == 0, agreed.output
    assert document(agreed.stdout)["estimate"]["costCny"] > 20
    assert document(chatglm(stack, "stop", "--json").stdout)["stopped"] == "dear"


@pytest.mark.slow
def test_a_fetched_run_comes_back_to_a_machine_that_lost_it(
    chatglm: Chatglm, stack: Stack, guest: ReadyMachine, data: Path, tmp_path: Path
) -> None:
    folder = str(tmp_path / "runs")
    chatglm(stack, "train", str(data), "--name", "lost", *QUICK)
    fetched = chatglm(stack, "fetch", "lost", "--folder", folder, "--json")
    assert document(fetched.stdout)["step"] == 4
    (guest.root / "runs" / "lost").rename(tmp_path / "gone")

    pushed = chatglm(stack, "push", "lost", "--folder", folder, "--json")
    assert pushed.exit_code == 0, pushed.output
    resumed = chatglm(stack, "train", "--resume", "lost", "--max-steps", "6", "--json")
    assert resumed.exit_code == 0, resumed.output
    told = document(resumed.stdout)
    assert (told["started"]["resumedFrom"], told["ended"]["newestCheckpoint"]) == (4, 6)


def test_a_running_training_can_be_left_looked_at_and_stopped(
    chatglm: Chatglm, stack: Stack, data: Path, guest: ReadyMachine
) -> None:
    slow = ("--max-steps", "3000", "--save-steps", "1000", "--name", "long", "--detach")
    started = chatglm(stack, "train", str(data), *slow)
    assert started.exit_code == 0, started.output

    refused = chatglm(stack, "park", "--yes", "--json")
    assert refused.exit_code == 6
    assert "long" in document(refused.stdout)["error"]["message"]
    again = chatglm(stack, "train", str(data), "--name", "second", "--detach", "--json")
    assert again.exit_code == 1
    assert "one task at a time" in document(again.stdout)["error"]["message"]

    status = document(chatglm(stack, "status", "--json").stdout)
    assert status["training"]["running"] == "long"
    log = chatglm(stack, "logs", "train")
    assert log.exit_code == 0, log.output

    stopped = document(chatglm(stack, "stop", "--json").stdout)
    assert stopped["stopped"] == "long"
    assert stopped["newestCheckpoint"] is not None
    assert chatglm(stack, "stop").output == "Nothing runs.\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b'{"content": "a", "summary": "b"}\n{"content": "a"', "not JSON"),
        (b'{"text": "a", "label": "b"}\n', "column"),
        ('{"content": "类型", "summary": "好看的裤子"}\n'.encode("gbk"), "GBK"),
        ('{"content": "déjà vu, ça va", "summary": "été"}\n'.encode("cp1252"), "Windows-1252"),
    ],
    ids=["empty", "broken", "wrong column", "GBK", "Windows-1252"],
)
def test_a_bad_data_set_is_told_before_anything_is_sent(
    chatglm: Chatglm, stack: Stack, guest: ReadyMachine, tmp_path: Path, content: bytes, says: str
) -> None:
    before = sorted((guest.root / "inbox").iterdir())
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    answer = chatglm(stack, "train", str(path), "--name", "never")
    assert answer.exit_code == 2
    assert says in answer.output
    assert "Traceback" not in answer.output
    assert sorted((guest.root / "inbox").iterdir()) == before
    assert not (guest.root / "runs" / "never").exists()


def test_a_file_of_two_gigabytes_is_refused_unread(
    chatglm: Chatglm, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3 + 1)  # sparse: takes no room
    read: list[Path] = []
    monkeypatch.setattr("guest.training.dataset.file_sha256", read.append)
    answer = chatglm(stack, "train", str(path))
    assert answer.exit_code == 2
    assert "the limit is" in answer.output
    assert read == []


def test_every_mistake_is_told_at_once(chatglm: Chatglm, stack: Stack, tmp_path: Path) -> None:
    answer = chatglm(
        stack, "train", str(tmp_path / "none.json"), "--learning-rate", "7", "--quantization-bit", "5", "--name", "a b"
    )
    assert answer.exit_code == 2
    for part in ("none.json", "learning_rate", "quantization_bit", '"a b"'):
        assert part in answer.output


@pytest.mark.parametrize("command", [("evaluate",), ("deploy",), ("fetch",), ("train", "--resume")])
def test_a_run_that_does_not_exist_is_one_plain_message(
    chatglm: Chatglm, stack: Stack, command: tuple[str, ...]
) -> None:
    answer = chatglm(stack, *command, "nobody")
    assert answer.exit_code == 1
    assert "no run named nobody" in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.slow
def test_a_half_written_checkpoint_is_not_used(chatglm: Chatglm, stack: Stack, guest: ReadyMachine, data: Path) -> None:
    chatglm(stack, "train", str(data), "--name", "half", *QUICK)
    (guest.root / "runs" / "half" / "output" / "checkpoint-4" / "optimizer.pt").unlink()
    answer = chatglm(stack, "deploy", "half", "--checkpoint", "4")
    assert answer.exit_code == 1
    assert "optimizer.pt is missing" in answer.output
    resumed = document(chatglm(stack, "train", "--resume", "half", "--json").stdout)
    assert (resumed["started"]["resumedFrom"], resumed["started"]["setAside"]) == (2, ["checkpoint-4"])


def test_data_and_name_cannot_be_given_with_a_resumed_run(chatglm: Chatglm, stack: Stack, data: Path) -> None:
    assert chatglm(stack, "train", str(data), "--resume", "half").exit_code == 2
    assert chatglm(stack, "train").exit_code == 2
