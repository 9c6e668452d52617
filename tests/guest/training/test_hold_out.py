"""The loss on rows that are not trained on, and when it ends a training."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from guest.rehearsal.model import Tokenizer
from guest.training.hooks import hold_out
from guest.training.hooks.hold_out import HoldOut, Shape, evenly, features

SHAPE = Shape("content", "summary", 4, 5)
ROW = {"content": "问题是很长", "summary": "回答也很长"}


def test_a_row_is_fed_as_in_training_cut_and_with_the_prompt_left_out_of_the_loss() -> None:
    tokens, labels = features(TextTokenizer(), ROW, SHAPE)
    # One place of the prompt and two of the answer are for special tokens (ptuning/main.py).
    assert tokens == [*map(ord, "问题是"), 1, 2, *map(ord, "回答也"), 3]
    assert labels == [-100] * 4 + tokens[4:]


class TextTokenizer(Tokenizer):
    """Called with the text by name, as transformers' tokenizers are."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return super().encode(text, add_special_tokens=add_special_tokens)


def test_rows_are_spread_over_the_whole_set() -> None:
    assert evenly([1, 2, 3], 5) == [1, 2, 3]
    assert evenly(list(range(1000)), 4) == [0, 250, 500, 750]


def held(file: Path, patience: int | None = 2) -> HoldOut:
    return HoldOut([ROW], SHAPE, patience, file)


def measured(one: HoldOut, losses: list[float], monkeypatch: pytest.MonkeyPatch, first: int = 10) -> list[bool]:
    given = iter(losses)
    monkeypatch.setattr(hold_out, "mean_loss", lambda *_: next(given))
    model: Any = None
    return [one.measure(first + 10 * number, model, TextTokenizer())[1] for number in range(len(losses))]


def test_patience_is_used_up_by_measurements_that_bring_nothing_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = held(tmp_path / "losses.json")
    assert measured(one, [3.0, 3.2, 2.9, 3.0, 3.1], monkeypatch) == [False, False, False, False, True]
    assert one.best_step == 30


def test_without_patience_nothing_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(held(tmp_path / "l.json", None), [3.0, 4.0, 5.0, 6.0], monkeypatch) == [False] * 4


def test_a_loss_that_is_no_number_is_never_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = held(tmp_path / "losses.json")
    assert measured(one, [math.nan, 3.0, math.nan, math.nan], monkeypatch) == [False, False, False, True]
    assert one.best_step == 20


def test_measurements_are_remembered_and_those_of_steps_that_are_done_again_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "losses.json"
    measured(held(file), [3.0, 2.8, 2.9], monkeypatch)
    (tmp_path / "checkpoint-20").mkdir()
    again = held(file)
    assert again.begin(tmp_path) == tmp_path / "checkpoint-20"
    # Resumed from step 10: steps 20 and 30 come again.
    measured(again, [2.7], monkeypatch, first=20)
    assert json.loads(file.read_text()) == [[10, 3.0], [20, 2.7]]


def test_a_best_checkpoint_that_is_gone_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "losses.json"
    measured(held(file), [3.0], monkeypatch)
    assert held(file).begin(tmp_path) is None
