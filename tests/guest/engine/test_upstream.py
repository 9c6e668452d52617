"""The engine against numbers that upstream's own code gave (see tools/record_upstream.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guest.engine.decoder import Decoder
from guest.engine.prefix import load_prefix
from guest.engine.prompt import place
from guest.engine.sampling import Sampling
from tools import tiny_model

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("upstream.json").read_text(encoding="utf-8"))
GREEDY = Sampling(temperature=0)
#: Where two logits are closer than this, rounding decides which is the larger.
TIE = 1e-4


@pytest.fixture
def tuned(torch: Any, decoder: Decoder, tmp_path: Path) -> Decoder:
    tiny_model.write_checkpoint(tmp_path)
    decoder.prefix = load_prefix(tmp_path, decoder.shape, decoder.device, decoder.dtype)
    return decoder


def first_logits(decoder: Decoder, tokens: list[int]) -> Any:
    return decoder._prefill.run(place(tokens, decoder.shape), 0, decoder.prefix)[0]


def continuation(decoder: Decoder, tokens: list[int], count: int) -> list[int]:
    prompt = place(tokens, decoder.shape)
    span = decoder.cache.places.lend(decoder.places_for(prompt, count))
    assert span is not None
    made = [decoder.begin(0, prompt, span, GREEDY)]
    while len(made) < count:
        made += decoder.launch(1).tokens()[:1]
    decoder.cache.places.take_back(span)
    return made


def cases(*, prefix: bool) -> list[dict[str, Any]]:
    return [case for case in RECORDED["cases"] if case["prefix"] is prefix]


@pytest.mark.parametrize("prefix", [False, True])
def test_the_logits_after_a_prompt_are_upstreams(torch: Any, request: pytest.FixtureRequest, prefix: bool) -> None:
    decoder = request.getfixturevalue("tuned" if prefix else "decoder")
    known = [case for case in cases(prefix=prefix) if "logits" in case]
    assert len(known) == 8
    for case in known:
        off = first_logits(decoder, case["tokens"]) - torch.tensor(case["logits"])
        assert off.abs().max() < 1e-4


def test_a_prompt_that_upstream_padded_has_the_same_logits_without_padding(torch: Any, decoder: Decoder) -> None:
    for case in RECORDED["padded"]:
        off = first_logits(decoder, case["tokens"]) - torch.tensor(case["logits"])
        assert off.abs().max() < 1e-4


@pytest.mark.parametrize("prefix", [False, True])
def test_the_likeliest_256_tokens_are_upstreams(torch: Any, request: pytest.FixtureRequest, prefix: bool) -> None:
    decoder = request.getfixturevalue("tuned" if prefix else "decoder")
    known = cases(prefix=prefix)
    assert len(known) == (10 if prefix else 50)
    assert len({token for case in known for token in case["continuation"]}) > 20
    ties = 0
    for case in known:
        made = continuation(decoder, case["tokens"], 256)
        if made != case["continuation"]:
            # From a tie on the two go their own ways; up to it they must agree.
            at = next(n for n, pair in enumerate(zip(made, case["continuation"], strict=True)) if pair[0] != pair[1])
            logits = first_logits(decoder, case["tokens"] + case["continuation"][:at])
            assert abs(float(logits[made[at]] - logits[case["continuation"][at]])) < TIE
            ties += 1
    assert ties <= len(known) * 256 * 0.02
