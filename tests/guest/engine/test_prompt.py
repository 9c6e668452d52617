"""Positions of a prompt's tokens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guest.engine.prompt import place
from guest.engine.shape import shape_from
from guest.errors import GuestError
from tools import tiny_model

SHAPE = shape_from(tiny_model.CONFIG)
words = st.lists(st.integers(4, 309), max_size=60)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(words, words)
def test_the_context_counts_on_and_the_answer_stands_at_the_mask(before: list[int], after: list[int]) -> None:
    prompt = place([*before, SHAPE.gmask, SHAPE.begin, *after], SHAPE)
    context = len(before) + 1
    assert prompt.context == context
    assert list(prompt.positions) == [*range(context), *[len(before)] * (1 + len(after))]
    assert list(prompt.blocks) == [*[0] * context, *range(1, 2 + len(after))]


def test_a_mask_in_the_persons_own_words_is_the_first_one() -> None:
    prompt = place([7, SHAPE.gmask, 8, SHAPE.gmask, SHAPE.begin], SHAPE)
    assert prompt.positions == (0, 1, 2, 3, 1)


def test_without_gmask_the_other_mask_counts() -> None:
    assert place([7, 8, SHAPE.mask, SHAPE.begin], SHAPE).positions == (0, 1, 2, 2)


@pytest.mark.parametrize("tokens", [[7, 8], [7, SHAPE.gmask], [7, SHAPE.begin]])
def test_tokens_of_another_tokenizer_are_refused(tokens: list[int]) -> None:
    with pytest.raises(GuestError, match="did not mark where the answer stands"):
        place(tokens, SHAPE)


def test_a_token_beyond_the_vocabulary_is_refused() -> None:
    with pytest.raises(GuestError, match="token 320, but the model's vocabulary has 320"):
        place([320, SHAPE.gmask, SHAPE.begin], SHAPE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "llama"}, "does not describe ChatGLM-6B"),
        ({"num_layers": None}, "lacks a size"),
        ({"vocab_size": 100}, "names token 315, but the vocabulary has 100"),
    ],
)
def test_another_models_config_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(GuestError, match=words):
        shape_from({**tiny_model.CONFIG, **change})
