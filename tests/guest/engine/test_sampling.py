"""Choosing a token."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from guest.engine.sampling import INVALID, TOP_K, choose


def drawn(torch: Any, logits: Any, temperature: float, top_p: float, chances: Any) -> list[int]:
    rows = len(chances)
    temperatures, shares = torch.full((rows,), temperature), torch.full((rows,), top_p)
    return [int(token) for token in choose(logits.expand(rows, -1), temperatures, shares, chances)]


def kept_by_transformers(torch: Any, logits: Any, temperature: float, top_p: float) -> dict[int, float]:
    """Shares of the tokens that transformers' warpers leave, in their order: temperature, top k, top p."""
    scores = logits / temperature
    scores = scores.masked_fill(scores < scores.topk(TOP_K).values[-1], float("-inf"))
    ordered, places = torch.sort(scores)
    gone = ordered.softmax(-1).cumsum(-1) <= 1 - top_p
    gone[-1:] = False
    shares = scores.masked_fill(gone.scatter(0, places, gone), float("-inf")).softmax(-1)
    return {int(token): float(shares[token]) for token in shares.nonzero().flatten()}


@pytest.mark.parametrize(("temperature", "top_p"), [(0.95, 0.7), (1.0, 1.0), (0.3, 0.9), (2.0, 0.99), (1.0, 0.05)])
def test_tokens_come_as_often_as_transformers_would_draw_them(torch: Any, temperature: float, top_p: float) -> None:
    torch.manual_seed(3)
    logits = torch.randn(500) * 2
    expected = kept_by_transformers(torch, logits, temperature, top_p)
    many = 20_000
    counts = Counter(drawn(torch, logits, temperature, top_p, (torch.arange(many) + 0.5) / many))
    assert counts.keys() <= expected.keys()
    for token, share in expected.items():
        assert counts[token] / many == pytest.approx(share, abs=2e-4)


def test_without_temperature_the_likeliest_is_taken_whatever_the_chance(torch: Any) -> None:
    logits = torch.tensor([1.0, 5.0, 4.9])
    assert drawn(torch, logits, 0.0, 1.0, torch.tensor([0.0, 0.999])) == [1, 1]


def test_top_p_of_nought_takes_the_likeliest(torch: Any) -> None:
    assert drawn(torch, torch.tensor([1.0, 5.0, 4.9]), 1.0, 0.0, torch.tensor([0.0, 0.999])) == [1, 1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_none_give_upstreams_token(torch: Any, bad: float) -> None:
    logits = torch.tensor([1.0, bad, 4.9])
    assert drawn(torch, logits, 1.0, 0.7, torch.tensor([0.5])) == [INVALID]


def test_each_row_has_its_own_settings(torch: Any) -> None:
    logits = torch.tensor([[1.0, 5.0], [5.0, 1.0]])
    chosen = choose(logits, torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.1]), torch.tensor([0.9, 0.9]))
    assert chosen.tolist() == [1, 0]
