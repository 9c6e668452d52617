"""Short prompts as graphs: their pass is a thousand small operations, which the host starts slower than the card does.

One graph for each of a few lengths; a prompt is filled up to the next, and what fills it is written to the cache's sink
and seen by nobody.
"""

from __future__ import annotations

from typing import Any

from guest.engine.cache import Cache
from guest.engine.card import RECORDING
from guest.engine.prefill import Matmul, Prefill, cache_prefix, last_logits, through_layers
from guest.engine.prefix import Prefix
from guest.engine.prompt import Prompt
from guest.engine.torch_later import torch
from guest.engine.weights import Weights

LENGTHS = (64, 128, 256, 512)


class _Recorded:
    """The pass for one length, with the tensors that it reads and the logits that it leaves."""

    def __init__(self, length: int, vocabulary: int, device: Any) -> None:
        self.length = length
        #: Tokens, their two positions, and their places in the cache; then the context's length and the last token.
        self.rows = torch.zeros(4, length, dtype=torch.long, device=device)
        self.ends = torch.ones(2, dtype=torch.long, device=device)
        self.logits = torch.zeros(1, vocabulary, dtype=torch.float16, device=device)
        self.graph = torch.cuda.CUDAGraph()


class RecordedPrefill(Prefill):
    """As `Prefill`, by graphs where a prompt is short enough."""

    def __init__(self, weights: Weights, cache: Cache, tables: tuple[Any, Any], matmul: Matmul) -> None:
        super().__init__(weights, cache, tables, matmul)
        self._recorded: list[_Recorded] = []
        self._prefix: Prefix | None = None

    def record(self, prefix: Prefix | None, stream: Any) -> None:
        """Record for this prefix; those for another are forgotten. Other threads' calls of the card wait meanwhile."""
        self._prefix, self._recorded = prefix, []
        made, pool = [], None
        for length in reversed(LENGTHS):
            one = _Recorded(length, self._weights.shape.vocabulary, self._cache.keys.device)
            one.rows[3] = self._cache.sink
            self._pass(one)
            stream.synchronize()
            with RECORDING, torch.cuda.graph(one.graph, pool=pool, stream=stream):
                self._pass(one)
            pool = pool or one.graph.pool()
            made.append(one)
        self._recorded = made[::-1]

    def run(self, prompt: Prompt, start: int, prefix: Prefix | None) -> Any:
        """As in `Prefill`; the logits are valid until the next prompt."""
        one = next((one for one in self._recorded if one.length >= len(prompt)), None)
        if one is None or prefix is not self._prefix:
            return super().run(prompt, start, prefix)
        before, count = cache_prefix(self._cache, start, prefix), len(prompt)
        fill = one.length - count
        rows = [
            [*prompt.tokens, *[0] * fill],
            [*prompt.positions, *[0] * fill],
            [*prompt.blocks, *[0] * fill],
            [*range(start + before, start + before + count), *[self._cache.sink] * fill],
        ]
        one.rows.copy_(torch.tensor(rows))
        one.ends.copy_(torch.tensor([prompt.context, count - 1]))
        one.graph.replay()
        return one.logits

    def _pass(self, one: _Recorded) -> None:
        cache, prefix, shape = self._cache, self._prefix, self._weights.shape
        tokens, positions, blocks, places = one.rows.unbind(0)
        line = torch.arange(one.length, device=tokens.device)
        # The context is seen by all, what follows by what comes after it, a prefix by all.
        seen = (line[None, :] < one.ends[0]) | (line[None, :] <= line[:, None])
        if prefix is not None:
            seen = torch.cat([seen.new_ones(one.length, prefix.length), seen], dim=1)
        mask = torch.zeros(seen.shape, dtype=torch.float16, device=tokens.device).masked_fill(~seen, float("-inf"))

        def attend(layer: int, queries: Any, keys: Any, values: Any) -> Any:
            own_keys, own_values = keys.transpose(0, 1), values.transpose(0, 1)
            cache.keys[layer].index_copy_(1, places, own_keys)
            cache.values[layer].index_copy_(1, places, own_values)
            if prefix is not None:
                own_keys = torch.cat([prefix.keys[layer], own_keys], dim=1)
                own_values = torch.cat([prefix.values[layer], own_values], dim=1)
            attention = torch.nn.functional.scaled_dot_product_attention
            result = attention(queries.transpose(0, 1)[None], own_keys[None], own_values[None], attn_mask=mask)[0]
            return result.transpose(0, 1).reshape(one.length, shape.hidden)

        hidden = through_layers(self._weights, tokens, self._tables, (positions, blocks), attend, self._matmul)
        one.logits.copy_(last_logits(self._weights, hidden.index_select(0, one.ends[1:])))
