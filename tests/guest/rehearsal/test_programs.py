"""The rehearsal's programs as upstream's are called: one options file, exit codes, files, and a page."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

REHEARSAL = Path(__file__).parents[3] / "guest" / "rehearsal"
MODEL = {"model_name_or_path": "/chatglm-6b", "pre_seq_len": 4}


def run_main(folder: Path, arguments: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    options = folder / "options.json"
    options.write_text(json.dumps(arguments))
    return subprocess.run(
        [sys.executable, "main.py", str(options)],
        cwd=REHEARSAL / "ptuning",
        env={**os.environ, "CHATGLM_REHEARSAL_STEP_SECONDS": "0"},
        capture_output=True,
        text=True,
        timeout=30,
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


def test_training_writes_upstream_s_files(trained: Path) -> None:
    output = trained / "output"
    assert {path.name for path in output.iterdir()} == {
        "checkpoint-2",
        "checkpoint-4",
        "all_results.json",
        "train_results.json",
        "trainer_state.json",
    }
    history = json.loads((output / "checkpoint-4" / "trainer_state.json").read_text())["log_history"]
    assert [entry["step"] for entry in history] == [2, 4]


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
def page(program: list[str]) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, *program],
        cwd=REHEARSAL,
        env={**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        while "Running on local URL" not in (line := server.stdout.readline()):
            assert line, "the page did not start"
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        server.kill()
        server.communicate()


def ask(client: httpx.Client, question: str) -> str:
    answer = client.post("/run/predict", json={"fn_index": 0, "data": [question]}).raise_for_status().json()
    return str(answer["data"][0][-1][1])


def test_the_page_answers_and_says_that_it_is_simulated() -> None:
    with page(["web_demo.py"]) as client:
        assert "No model is loaded here" in client.get("/").text
        said = ask(client, "你好")
        assert "Simulated answer" in said
        assert said.endswith("你好")
        assert client.post("/run/predict", content=b"{").status_code == 422
        assert client.get("/none").status_code == 404


def test_the_fine_tuned_page_says_which_checkpoint_it_serves(trained: Path) -> None:
    options = trained / "serving.json"
    options.write_text(json.dumps(MODEL | {"ptuning_checkpoint": str(trained / "output" / "checkpoint-4")}))
    with page(["ptuning/web_demo.py", str(options)]) as client:
        assert "checkpoint-4, prefix of 4 tokens" in ask(client, "hi")
