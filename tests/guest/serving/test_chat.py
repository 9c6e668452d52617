"""A chat within the card's memory: whole turns are left out, oldest first, and the page says so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from guest.rehearsal.model import Model, Tokenizer
from guest.serving.chat import limit_chat, limit_slider
from guest.serving.limits import LEAST_TOKENS, MOST_TOKENS, most_tokens

GIB = 1024**3
T4 = int(14.75 * GIB)
REHEARSAL = Path(__file__).parents[3] / "guest" / "rehearsal"


@pytest.mark.parametrize(
    ("bits", "memory", "least", "most"),
    [(None, T4, 1400, 1600), (8, T4, 3000, 4096), (4, T4, 4000, 4096), (None, 79 * GIB, 4096, 4096)],
)
def test_the_ceiling_follows_precision_and_memory(bits: int | None, memory: int, least: int, most: int) -> None:
    # At fp16 a T4 runs out between 1,600 and 1,900 tokens.
    assert least <= most_tokens(bits, memory) <= most


def test_a_card_that_nobody_can_ask_keeps_upstream_s_ceiling_and_a_full_one_the_least() -> None:
    assert most_tokens(None, None) == MOST_TOKENS
    assert most_tokens(None, 11 * GIB) == LEAST_TOKENS


def test_the_slider_ends_at_what_the_card_holds_and_says_why() -> None:
    made: list[Any] = []
    gradio = SimpleNamespace(Slider=lambda *args, **kwargs: made.append((args, kwargs)))
    limit_slider(gradio, 1500)
    gradio.Slider(0, 4096, value=2048, step=1.0, label="Maximum length", interactive=True)
    gradio.Slider(0, 1, value=0.7, step=0.01, label="Top P")
    assert made[0][0] == (0, 1500, 1500)
    assert "up to 1500; older turns are left out" in made[0][1]["label"]
    assert made[1][0] == (0, 1, 0.7)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    monkeypatch.setenv("CHATGLM_REHEARSAL_PROMPT_TOKENS", "900")
    monkeypatch.syspath_prepend(str(REHEARSAL))
    yield Model()
    for name in ("torch", "transformers", "gradio"):
        sys.modules.pop(name, None)


def talk(model: Model, turns: int) -> tuple[str, list[tuple[str, str]]]:
    history: list[tuple[str, str]] = []
    shown = ""
    for turn in range(turns):
        shown, history = list(model.stream_chat(Tokenizer(), f"第 {turn} 个问题", history, max_length=2048))[-1]
        assert shown.startswith("[Simulated answer")
    return shown, history


def test_without_the_limit_a_long_chat_runs_out_of_memory(model: Model) -> None:
    with pytest.raises(RuntimeError, match="CUDA out of memory"):
        talk(model, 200)


# The card holds 900 tokens of a prompt: known, and twice as much as was thought.
@pytest.mark.parametrize("thought", [1200, 4096])
def test_a_chat_of_200_turns_never_fails_and_says_what_it_leaves_out(model: Model, thought: int) -> None:
    limit_chat(model, thought)
    shown, history = talk(model, 200)
    assert "earlier turns were left out" in shown
    # What the page says below an answer is no part of the chat.
    assert all("left out" not in said for _, said in history)
    assert history[-1][0] == "第 199 个问题"


def test_a_question_that_is_too_long_by_itself_is_answered_in_words(model: Model) -> None:
    limit_chat(model, 1200)
    ((answer, history),) = model.stream_chat(Tokenizer(), "长" * 2000, [("你好", "好")])
    assert "has 2002 tokens and there is room for 900" in answer
    assert history == [("你好", "好")]


def test_errors_that_are_not_of_memory_are_upstream_s_own(model: Model) -> None:
    limit_chat(model, 1200)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        list(model.stream_chat(Tokenizer(), "rehearsal: cuda error"))
