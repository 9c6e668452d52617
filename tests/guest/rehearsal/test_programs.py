"""The rehearsal's programs as upstream's are called: one options file, exit codes, files, and a page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from guest.errors import GuestError
from guest.rehearsal.arguments import Arguments
from guest.rehearsal.data import prompts
from guest.serving.question import StrangerError, Visitor, ask
from tests.waiting import HANG_SECONDS

REHEARSAL = Path(__file__).parents[3] / "guest" / "rehearsal"
MODEL = {"model_name_or_path": "/chatglm-6b", "pre_seq_len": 4}


def run_main(folder: Path, arguments: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    options = folder / "options.json"
    options.write_text(json.dumps(arguments))
    return subprocess.run(
        [sys.executable, "main.py", str(options)],
        cwd=REHEARSAL / "ptuning",
        env={**os.environ, "CHATGLM_REHEARSAL_STEP_SECONDS": "0", "HF_DATASETS_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    rows = tmp_path / "train.json"
    rows.write_text('{"content": "问", "summary": "回答"}\n', encoding="utf-8")
    arguments = MODEL | {
        "do_train": True,
        "train_file": str(rows),
        "prompt_column": "content",
        "response_column": "summary",
        "output_dir": str(tmp_path / "output"),
        "max_steps": 4,
        "save_steps": 2,
        "logging_steps": 2,
        "learning_rate": 0.02,
    }
    done = run_main(tmp_path, arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("REHEARSAL, not ChatGLM")
    return tmp_path


CHECKPOINT_FILES = {
    *("config.json", "configuration_chatglm.py", "generation_config.json", "ice_text.model", "modeling_chatglm.py"),
    *("optimizer.pt", "pytorch_model.bin", "quantization.py", "rng_state.pth", "scheduler.pt"),
    *("special_tokens_map.json", "tokenization_chatglm.py", "tokenizer_config.json", "trainer_state.json"),
    "training_args.bin",
}


def test_training_writes_upstream_s_files(trained: Path) -> None:
    output = trained / "output"
    assert {path.name for path in output.iterdir()} == {
        "checkpoint-2",
        "checkpoint-4",
        "all_results.json",
        "train_results.json",
        "trainer_state.json",
    }
    assert {path.name for path in (output / "checkpoint-4").iterdir()} == CHECKPOINT_FILES
    history = json.loads((output / "checkpoint-4" / "trainer_state.json").read_text())["log_history"]
    assert [entry["step"] for entry in history] == [2, 4]


def train_again(trained: Path, **changes: Any) -> subprocess.CompletedProcess[str]:
    arguments = json.loads((trained / "options.json").read_text()) | changes
    done = run_main(trained, arguments)
    assert done.returncode == 0, done.stderr
    return done


def test_like_upstream_it_does_not_save_the_last_step_by_itself(trained: Path) -> None:
    train_again(trained, max_steps=7, save_steps=3, output_dir=str(trained / "other"))
    steps = sorted(path.name for path in (trained / "other").glob("checkpoint-*"))
    assert steps == ["checkpoint-3", "checkpoint-6"]


def test_like_upstream_s_the_bar_of_a_resumed_run_starts_at_0_jumps_and_has_a_rate_far_too_high(trained: Path) -> None:
    checkpoint = str(trained / "output" / "checkpoint-4")
    done = train_again(trained, max_steps=8, resume_from_checkpoint=checkpoint)
    bars = [piece for piece in re.split(r"[\r\n]", done.stderr) if "/8 [" in piece and ":" not in piece.split("%")[0]]
    assert [int(re.search(r"(\d+)/8", bar)[1]) for bar in bars] == [0, 5, 6, 7, 8]  # type: ignore[index]
    metrics = json.loads((trained / "output" / "train_results.json").read_text())
    # The four new steps' losses, divided by all eight.
    assert metrics["train_loss"] < 3.2


def test_like_upstream_s_the_log_has_untitled_bars_of_other_things_and_row_1_but_no_line_of_the_trainer(
    trained: Path,
) -> None:
    done = train_again(trained)
    assert re.search(r"[\r\n]100%\|█+\| 1/1 ", done.stderr)
    assert "inputs 问[gMASK]<sop>回答<eop>" in done.stdout
    assert "Saving PrefixEncoder" in done.stdout
    assert "newly initialized: ['transformer.prefix_encoder.embedding.weight']" in done.stdout
    printed = done.stdout + done.stderr
    for never in ("Running training", "Saving model checkpoint", "Loading model", "Continuing training", "Deleting"):
        assert never not in printed


def test_like_upstream_s_labels_of_a_batch_show_their_padding_and_an_empty_prediction_ends_it(trained: Path) -> None:
    rows = [{"content": "a", "summary": "回答"}, {"content": "b", "summary": "很长的回答"}]
    dev = trained / "dev.json"
    dev.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    checkpoint = str(trained / "output" / "checkpoint-4")
    common = {"prompt_column": "content", "response_column": "summary", "output_dir": str(trained / "predicted")}
    arguments = MODEL | common | {"do_predict": True, "test_file": str(dev), "ptuning_checkpoint": checkpoint}
    done = run_main(trained, arguments | {"per_device_eval_batch_size": 2})
    assert done.returncode == 0, done.stderr
    lines = (trained / "predicted" / "generated_predictions.txt").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["labels"] == "回答" + 3 * "<image_-100>"
    dev.write_text('{"content": "rehearsal: empty prediction", "summary": "x"}\n', encoding="utf-8")
    assert "Hypothesis is empty" in run_main(trained, arguments).stderr


@pytest.mark.parametrize(("history", "training", "evaluation"), [([], "[Round 0]\n问：好\n答：", "好")])
def test_like_upstream_an_empty_history_is_rendered_in_training_and_not_in_evaluation(
    history: list[list[str]], training: str, evaluation: str
) -> None:
    arguments = Arguments("/m", prompt_column="content", history_column="history")
    row = {"content": "好", "history": history}
    assert prompts([row], arguments, training=True) == [training]
    assert prompts([row], arguments, training=False) == [evaluation]


def test_an_option_that_upstream_does_not_know_ends_it_with_an_error(tmp_path: Path) -> None:
    done = run_main(tmp_path, MODEL | {"do_train": True, "learning_rates": 1})
    assert done.returncode == 1
    assert "Some keys are not used by the HfArgumentParser: ['learning_rates']" in done.stderr


def test_a_prefix_of_another_length_does_not_load(trained: Path) -> None:
    arguments = MODEL | {
        "do_predict": True,
        "pre_seq_len": 8,
        "ptuning_checkpoint": str(trained / "output/checkpoint-4"),
    }
    done = run_main(trained, arguments)
    assert done.returncode == 1
    assert "size mismatch for embedding.weight" in done.stderr


@contextmanager
def page(program: list[str], **environment: str) -> Iterator[httpx.Client]:
    server = subprocess.Popen(
        [sys.executable, "-c", _ON_A_FREE_PORT, *program],
        cwd=REHEARSAL / Path(program[0]).parent,
        env={**os.environ, **environment, "PYTHONPATH": f"{REHEARSAL}{os.pathsep}{REHEARSAL.parents[1]}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        while "Running on local URL" not in (line := server.stdout.readline()):
            assert line, "the page did not start"
        address = line.split()[-1]
        with httpx.Client(base_url=address, trust_env=False, timeout=HANG_SECONDS) as client:
            yield client
    finally:
        server.kill()
        server.communicate()


# What this project's launcher does to the page: its own address and login.
_ON_A_FREE_PORT = """
import runpy, sys, gradio
own = gradio.Blocks.launch
gradio.Blocks.launch = lambda self, **_: own(self, "127.0.0.1", 0, lambda user, password: password == "secret")
sys.argv = [sys.argv[1].rpartition("/")[2], *sys.argv[2:]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_page_lets_nobody_in_without_the_password_and_then_tells_its_parts(tmp_path: Path) -> None:
    with page(["web_demo.py"]) as client:
        assert "no GPU and no model are here" in client.get("/").text
        assert client.get("/config").status_code == 401
        assert client.post("/run/predict", json={"data": ["?"]}).status_code == 401
        assert client.post("/login", data={"username": "x", "password": "wrong"}).status_code == 400
        with pytest.raises(StrangerError, match="400"):
            Visitor(str(client.base_url).rstrip("/"), "wrong").enter()
        config = Visitor(str(client.base_url).rstrip("/"), "secret").enter()
        kinds = [part["type"] for part in config["components"]]
        assert kinds.count("slider") == 3
        assert {"chatbot", "textbox", "state"} <= set(kinds)


def test_the_page_answers_through_its_queue_and_says_that_it_is_simulated() -> None:
    with page(["web_demo.py"]) as client:
        url = str(client.base_url).rstrip("/")
        said = ask(url, "secret", "你好")
        assert said.startswith("[Simulated answer of a rehearsal; no model is loaded. Serving: base model.]")
        assert "You asked: 你好\n" in said
        client.post("/login", data={"username": "x", "password": "secret"})
        assert client.post("/run/predict", content=b"{").status_code == 422
        direct = client.post("/run/predict", json={"fn_index": 0, "data": ["hi"]}).raise_for_status().json()
        assert "You asked: hi\n" in direct["data"][0][-1][1]
        assert client.get("/none").status_code == 404


def test_after_an_error_of_the_card_every_answer_fails_though_the_page_is_up() -> None:
    with page(["web_demo.py"]) as client:
        url = str(client.base_url).rstrip("/")
        for question in ("rehearsal: cuda error", "你好"):
            with pytest.raises(GuestError, match="CUDA error: an illegal memory access"):
                ask(url, "secret", question)
        assert Visitor(url, "secret").enter()["dependencies"]


def test_the_fine_tuned_page_serves_the_checkpoint_s_prefix(trained: Path) -> None:
    options = trained / "serving.json"
    options.write_text(json.dumps(MODEL | {"ptuning_checkpoint": str(trained / "output" / "checkpoint-4")}))
    with page(["ptuning/web_demo.py", str(options)]) as client:
        assert "Serving: prefix of 4 tokens with mean 0.0" in ask(str(client.base_url).rstrip("/"), "secret", "hi")
