"""The prompt's pass: all its tokens at once, by torch's own matrix products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from guest.engine.cache import Cache
from guest.engine.linear import Linear
from guest.engine.prefix import Prefix
from guest.engine.prompt import Prompt
from guest.engine.rotary import rotate
from guest.engine.torch_later import torch
from guest.engine.weights import Layer, Norm, Weights

#: Rows of queries at a time. torch on Windows has neither of the kernels that do without the table of all scores, and
#: for 2,048 tokens in fp32 that table alone would take 0.5 GB.
QUERY_ROWS = 512

Matmul = Callable[[Linear, Any], Any]
Attend = Callable[[int, Any, Any, Any], Any]


def norm(values: Any, weights: Norm, epsilon: float) -> Any:
    return torch.nn.functional.layer_norm(values, values.shape[-1:], weights.weight, weights.bias, epsilon)


def cache_prefix(cache: Cache, start: int, prefix: Prefix | None) -> int:
    """Put a prefix at its place before a prompt; returns its length."""
    if prefix is None:
        return 0
    cache.keys[:, :, start : start + prefix.length] = prefix.keys
    cache.values[:, :, start : start + prefix.length] = prefix.values
    return prefix.length


def feed_forward(layer: Layer, values: Any, matmul: Matmul) -> Any:
    return matmul(layer.down, torch.nn.functional.gelu(matmul(layer.up, values), approximate="tanh"))


def through_layers(
    weights: Weights, tokens: Any, tables: tuple[Any, Any], places: tuple[Any, Any], attend: Attend, matmul: Matmul
) -> Any:
    """A prompt's tokens through all layers: (tokens, hidden).

    `places` are the two positions of each token; `attend(layer, queries, keys, values)` takes and gives (tokens, heads,
    head) and (tokens, hidden).
    """
    shape = weights.shape
    hidden = torch.nn.functional.embedding(tokens, weights.embedding)
    for number, layer in enumerate(weights.layers):
        hidden = norm(hidden, layer.before, shape.epsilon)
        mixed = matmul(layer.attention_in, hidden).view(-1, shape.heads, 3 * shape.head)
        queries, keys, values = mixed.split(shape.head, dim=-1)
        seen = attend(number, rotate(queries, *tables, *places), rotate(keys, *tables, *places), values)
        hidden = torch.add(matmul(layer.attention_out, seen), hidden, alpha=shape.residual)
        hidden = norm(hidden, layer.between, shape.epsilon)
        hidden = torch.add(feed_forward(layer, hidden, matmul), hidden, alpha=shape.residual)
    return hidden


def last_logits(weights: Weights, last: Any) -> Any:
    """Logits after a token whose way through the layers ended in `last`, (1, hidden)."""
    return weights.output.apply(norm(last, weights.final, weights.shape.epsilon))


class Prefill:
    """Runs prompts through the model; `matmul(linear, values)` multiplies."""

    def __init__(self, weights: Weights, cache: Cache, tables: tuple[Any, Any], matmul: Matmul | None = None) -> None:
        self._weights, self._cache, self._tables = weights, cache, tables
        self._matmul = matmul or (lambda linear, values: linear.apply(values))

    def run(self, prompt: Prompt, start: int, prefix: Prefix | None) -> Any:
        """Fill the cache from place `start` on, the prefix first; logits of the last token, (1, ...)."""
        cache, before = self._cache, cache_prefix(self._cache, start, prefix)
        tokens, *places = (
            torch.tensor(row, device=cache.keys.device) for row in (prompt.tokens, prompt.positions, prompt.blocks)
        )

        def attend(layer: int, queries: Any, keys: Any, values: Any) -> Any:
            cache.write(layer, start + before, keys, values)
            return self._attend(layer, queries, start, before, prompt.context)

        hidden = through_layers(self._weights, tokens, self._tables, (places[0], places[1]), attend, self._matmul)
        return last_logits(self._weights, hidden[-1:])

    def _attend(self, layer: int, queries: Any, start: int, before: int, context: int) -> Any:
        """Queries (tokens, heads, head). The context sees itself whole; what follows sees what is before it."""
        count, heads, head = queries.shape
        keys = self._cache.keys[layer, :, start : start + before + count]
        values = self._cache.values[layer, :, start : start + before + count]
        parts = []
        for first in range(0, context, QUERY_ROWS):
            rows = queries[first : min(first + QUERY_ROWS, context)].transpose(0, 1)
            parts.append(_scaled(rows, keys[:, : before + context], values[:, : before + context], None))
        if count - context == 1:
            parts.append(_scaled(queries[context:].transpose(0, 1), keys, values, None))
        elif count > context:
            mask = torch.ones(count - context, before + count, dtype=torch.bool, device=queries.device)
            mask = mask.tril(before + context)
            parts.append(_scaled(queries[context:].transpose(0, 1), keys, values, mask))
        return torch.cat(parts, dim=1).transpose(0, 1).reshape(count, heads * head)


def _scaled(queries: Any, keys: Any, values: Any, mask: Any) -> Any:
    """Attention of (heads, rows, head) over (heads, places, head)."""
    if queries.device.type == "cpu":
        # torch 2.0 on CPU has no better way, and this one rounds like the definition.
        scores = queries @ keys.transpose(1, 2) / math.sqrt(queries.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        return torch.softmax(scores.float(), dim=-1).to(values.dtype) @ values
    attend = torch.nn.functional.scaled_dot_product_attention
    return attend(queries[None], keys[None], values[None], attn_mask=mask)[0]
