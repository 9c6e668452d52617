"""The engine against a plain reading of the model: one pass over all tokens, no cache, one mask for everything."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guest.engine.decoder import Decoder
from guest.engine.prefix import Prefix
from guest.engine.prompt import place
from guest.engine.sampling import Sampling
from tools import tiny_model

GREEDY = Sampling(temperature=0)


def reference(torch: Any, decoder: Decoder, tokens: list[int]) -> Any:
    """Logits after the last token, (vocabulary): GLM as its paper and its code describe it, in fp64."""
    arrays = {name: torch.from_numpy(array).double() for name, array in tiny_model.arrays().items()}
    config, prefix = tiny_model.CONFIG, decoder.prefix
    heads, width = config["num_attention_heads"], config["hidden_size"]
    head = width // heads
    prompt = place(tokens, decoder.shape)
    hidden = arrays["transformer.word_embeddings.weight"][torch.tensor(tokens)]

    def norm(values: Any, name: str) -> Any:
        off = values - values.mean(-1, keepdim=True)
        even = off / (off.pow(2).mean(-1, keepdim=True) + config["layernorm_epsilon"]).sqrt()
        return even * arrays[f"{name}.weight"] + arrays[f"{name}.bias"]

    def linear(values: Any, name: str) -> Any:
        return values @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]

    def turn(values: Any) -> Any:
        turned = values.clone()
        quarter = head // 4
        for half, positions in enumerate((prompt.positions, prompt.blocks)):
            for pair in range(quarter):
                # The model rounds its frequencies to fp16.
                speed = torch.tensor(1 / 10000 ** (2 * pair / (head // 2))).half().double()
                angle = torch.tensor(positions).double()[:, None] * speed
                low, high = half * 2 * quarter + pair, half * 2 * quarter + quarter + pair
                turned[..., low] = values[..., low] * angle.cos() - values[..., high] * angle.sin()
                turned[..., high] = values[..., high] * angle.cos() + values[..., low] * angle.sin()
        return turned

    count = len(tokens)
    rows, columns = torch.arange(count)[:, None], torch.arange(count)[None, :]
    seen = (columns < prompt.context) | (columns <= rows)
    for number in range(config["num_layers"]):
        root = f"transformer.layers.{number}."
        given_in = norm(hidden, f"{root}input_layernorm")
        mixed = linear(given_in, f"{root}attention.query_key_value").view(count, heads, 3, head)
        queries, keys, values = turn(mixed[:, :, 0]), turn(mixed[:, :, 1]), mixed[:, :, 2]
        visible = seen
        if prefix is not None:
            keys = torch.cat([prefix.keys[number].transpose(0, 1).double(), keys])
            values = torch.cat([prefix.values[number].transpose(0, 1).double(), values])
            visible = torch.cat([torch.ones(count, prefix.length, dtype=torch.bool), seen], dim=1)
        scores = torch.einsum("ahd,bhd->hab", queries, keys) / math.sqrt(head)
        shares = scores.masked_fill(~visible, float("-inf")).softmax(-1)
        out = torch.einsum("hab,bhd->ahd", shares, values).reshape(count, width)
        hidden = given_in * math.sqrt(56) + linear(out, f"{root}attention.dense")
        given_in = norm(hidden, f"{root}post_attention_layernorm")
        inner = linear(given_in, f"{root}mlp.dense_h_to_4h")
        active = 0.5 * inner * (1 + torch.tanh(0.7978845608028654 * inner * (1 + 0.044715 * inner * inner)))
        hidden = given_in * math.sqrt(56) + linear(active, f"{root}mlp.dense_4h_to_h")
    return norm(hidden[-1:], "transformer.final_layernorm")[0] @ arrays["lm_head.weight"].T


def random_prefix(torch: Any, decoder: Decoder, length: int) -> Prefix:
    torch.manual_seed(length)
    shape = decoder.shape
    return Prefix(*(torch.randn(shape.layers, shape.heads, length, shape.head) for _ in range(2)))


words = st.lists(st.integers(4, 309), min_size=0, max_size=24)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=words, after=words, prefix=st.integers(0, 5), start=st.integers(0, 40))
def test_any_prompt_has_the_references_logits(
    torch: Any, decoder: Decoder, before: list[int], after: list[int], prefix: int, start: int
) -> None:
    tokens = [*before, decoder.shape.gmask, decoder.shape.begin, *after]
    decoder.set_prefix(random_prefix(torch, decoder, prefix) if prefix else None)
    ours = decoder._prefill.run(place(tokens, decoder.shape), start, decoder.prefix)[0]
    assert (ours - reference(torch, decoder, tokens)).abs().max() < 1e-4


@pytest.mark.parametrize("prefix", [0, 4])
def test_each_further_token_has_the_references_logits(torch: Any, decoder: Decoder, prefix: int) -> None:
    decoder.set_prefix(random_prefix(torch, decoder, prefix) if prefix else None)
    tokens = tiny_model.prompts()[2]
    prompt = place(tokens, decoder.shape)
    span = decoder.cache.places.lend(decoder.places_for(prompt, 8))
    assert span is not None
    made = [decoder.begin(2, prompt, span, GREEDY)]
    for _ in range(6):
        logits = decoder._step.logits(3)[2]
        assert (logits - reference(torch, decoder, tokens + made)).abs().max() < 1e-4
        made.append(int(logits.argmax()))
        decoder.slots.advance(torch.tensor([0, 0, made[-1]]), 3)


def test_sequences_that_are_decoded_together_do_not_touch_each_other(decoder: Decoder) -> None:
    def alone(tokens: list[int]) -> list[int]:
        prompt = place(tokens, decoder.shape)
        span = decoder.cache.places.lend(decoder.places_for(prompt, 20))
        assert span is not None
        made = [decoder.begin(0, prompt, span, GREEDY), *(decoder.launch(1).tokens()[0] for _ in range(19))]
        decoder.end(0)
        decoder.cache.places.take_back(span)
        return made

    given = tiny_model.prompts()[4:8]
    expected = [alone(tokens) for tokens in given]
    rows = []
    for slot, tokens in enumerate(given):
        prompt = place(tokens, decoder.shape)
        span = decoder.cache.places.lend(decoder.places_for(prompt, 20))
        assert span is not None
        rows.append([decoder.begin(slot, prompt, span, GREEDY)])
    for _ in range(19):
        for row, token in zip(rows, decoder.launch(4).tokens(), strict=True):
            row.append(token)
    assert rows == expected


def test_a_seed_draws_the_same_again_and_another_something_else(decoder: Decoder) -> None:
    def drawn(seed: int) -> list[int]:
        prompt = place(tiny_model.prompts()[9], decoder.shape)
        span = decoder.cache.places.lend(decoder.places_for(prompt, 30))
        assert span is not None
        made = [decoder.begin(0, prompt, span, Sampling(2.0, 1.0, seed))]
        made += [decoder.launch(1).tokens()[0] for _ in range(29)]
        decoder.cache.places.take_back(span)
        return made

    assert drawn(1) == drawn(1) != drawn(2)
