"""Held against what upstream's own programs did with a tiny model (`tools/record_tuning.py`, commit and date within).

Where upstream's code and its libraries are at hand (CHATGLM_SOURCE a clone, CHATGLM_MODEL the model's code, torch and
transformers in the environment) it is run again; elsewhere the recorded numbers stand for it.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guest.history import render
from guest.training.hooks.hold_out import Shape, features
from tests.guest.rehearsal.test_programs import CHECKPOINT_FILES

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("upstream.json").read_text(encoding="ascii"))
ROWS: list[dict[str, Any]] = RECORDED["rows"]
PROMPTS: list[str] = RECORDED["chat"]["prompts"]
PIECES: dict[str, Any] = RECORDED["pieces"]
TOKENS: dict[str, list[dict[str, Any]]] = RECORDED["tokens"]
SHAPE = Shape("content", "summary", **RECORDED["lengths"])


class RecordedTokenizer:
    """The tokens that upstream's tokenizer made of the recorded texts."""

    bos_token_id = PIECES["bos"]

    def encode(self, *, text: str, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        tokens: list[int] = PIECES["texts"][text]
        return tokens

    def build_inputs_with_special_tokens(self, prompt: list[int], answer: list[int]) -> list[int]:
        return [*prompt, PIECES["gmask"], PIECES["bos"], *answer, PIECES["eos"]]


def test_it_says_of_which_commit_it_was_recorded() -> None:
    assert len(RECORDED["source_commit"]) == 40
    assert RECORDED["date"] >= "2026-11-26"


def test_finished_prompts_are_those_that_the_chat_makes_of_the_same_conversation() -> None:
    assert len(PROMPTS) == len(ROWS)
    for row, prompt in zip(ROWS, PROMPTS, strict=True):
        assert render([(asked, said) for asked, said in row["history"]], row["content"]) == prompt


def test_training_and_evaluation_read_the_same_tokens_of_a_finished_prompt() -> None:
    compared = 0
    both = zip(TOKENS["training_on_finished_prompts"], TOKENS["evaluation_on_finished_prompts"], PROMPTS, strict=True)
    for trained, evaluated, prompt in both:
        if len(PIECES["texts"][prompt]) > SHAPE.max_source_length - 2:
            continue  # cut, and by another rule
        context = trained["input_ids"].index(PIECES["bos"]) + 1
        assert trained["input_ids"][:context] == evaluated["input_ids"]
        compared += 1
    assert compared >= 8


def test_with_a_history_column_upstream_trains_an_empty_history_on_another_prompt_than_it_asks() -> None:
    # What finished prompts are for.
    for row, raw, finished in zip(
        ROWS, TOKENS["training_with_history_column"], TOKENS["training_on_finished_prompts"], strict=True
    ):
        assert (raw["input_ids"] == finished["input_ids"]) == bool(row["history"])


def test_held_out_rows_are_fed_as_upstream_feeds_them_in_training() -> None:
    for row, prompt, told in zip(ROWS, PROMPTS, TOKENS["training_on_finished_prompts"], strict=True):
        tokens, labels = features(RecordedTokenizer(), {"content": prompt, "summary": row["summary"]}, SHAPE)
        assert (told["input_ids"], told["labels"]) == (tokens, labels)
        assert told["padded"] == SHAPE.max_source_length + SHAPE.max_target_length


def test_the_held_out_loss_is_the_trainer_s_own_loss_on_these_rows() -> None:
    assert RECORDED["held_out"][-1][1] == pytest.approx(RECORDED["held_out_by_trainer"], abs=2e-4)


def test_upstream_loses_the_last_steps_and_launched_it_saves_them() -> None:
    assert RECORDED["plain"]["checkpoints"] == [4]
    assert RECORDED["launched"]["checkpoints"] == [4, 6]
    assert [step for step, _ in RECORDED["held_out"]] == [4, 6]


def test_losses_are_the_same_without_gradient_checkpointing_and_with_all_that_is_put_on() -> None:
    plain, launched = dict(RECORDED["plain"]["losses"]), dict(RECORDED["launched"]["losses"])
    assert list(plain) == list(launched) == [1, 2, 3, 4, 5, 6]
    for step, loss in plain.items():
        assert launched[step] == pytest.approx(loss, abs=2e-4)


def test_int4_losses_are_the_same_without_the_weight_gradient_and_without_checkpointing() -> None:
    plain, launched = dict(RECORDED["int4"]["losses"]), dict(RECORDED["int4_launched"]["losses"])
    assert list(plain) == list(launched) == [1, 2, 3, 4, 5, 6]
    assert plain != dict(RECORDED["plain"]["losses"])  # it was quantised
    for step, loss in plain.items():
        assert launched[step] == pytest.approx(loss, abs=2e-4)


def test_after_a_resume_upstream_divides_the_new_losses_by_all_steps() -> None:
    told = RECORDED["resumed"]
    new = [loss for step, loss in told["losses"] if step > 4]
    assert told["train_loss"] == pytest.approx(sum(new) / 12, abs=1e-3)


def test_predictions_of_batches_of_eight_are_those_of_batches_of_one_and_labels_are_clean() -> None:
    assert len(RECORDED["predicted"]["1"]) == len(ROWS)
    assert RECORDED["predicted"]["8"] == RECORDED["predicted"]["1"]
    assert "<image_" not in json.dumps(RECORDED["predicted"])
    assert len({row["predict"] for row in RECORDED["predicted"]["1"]}) > 1


def test_a_chat_of_200_turns_with_upstream_s_model_never_fails() -> None:
    told = RECORDED["chat"]["long_chat"]
    assert told["turns"] == 200
    assert 100 < told["answers_with_turns_left_out"] < 200


def test_the_rehearsal_writes_the_files_and_bars_that_upstream_does() -> None:
    assert set(RECORDED["plain"]["files"]) == CHECKPOINT_FILES
    assert RECORDED["plain"]["untitled_bars"] >= 1
    assert RECORDED["plain"]["trainer_lines"] == 0


def has_upstream() -> bool:
    source, code = (Path(os.environ.get(name, "/nowhere")) for name in ("CHATGLM_SOURCE", "CHATGLM_MODEL"))
    found = (source / "ptuning" / "trainer.py").is_file() and (code / "modeling_chatglm.py").is_file()
    return found and all(importlib.util.find_spec(name) is not None for name in ("torch", "datasets", "sentencepiece"))


@contextmanager
def own_environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.skipif(not has_upstream(), reason="upstream's code and its libraries are not at hand: recorded numbers")
def test_upstream_s_own_code_still_does_what_was_recorded() -> None:
    from tools.record_tuning import record

    with own_environment():
        told, speedup = record(Path(os.environ["CHATGLM_SOURCE"]), Path(os.environ["CHATGLM_MODEL"]))
    for name in ("rows", "tokens", "pieces", "predicted", "chat"):
        assert told[name] == RECORDED[name], name
    for name in ("plain", "resumed", "launched", "int4", "int4_launched"):
        for (step, loss), (recorded_step, recorded) in zip(told[name]["losses"], RECORDED[name]["losses"], strict=True):
            assert (step, loss) == (recorded_step, pytest.approx(recorded, abs=5e-4))
    assert speedup > 1
