"""One token for every slot, by torch's own operations: what the kernels are held against, and what a CPU runs."""

from __future__ import annotations

import math
from typing import Any

from guest.engine.cache import Cache
from guest.engine.prefill import feed_forward, norm
from guest.engine.rotary import rotate
from guest.engine.slots import Slots
from guest.engine.torch_later import torch
from guest.engine.weights import Weights


class TorchStep:
    def __init__(self, weights: Weights, cache: Cache, tables: tuple[Any, Any], slots: Slots) -> None:
        self._weights, self._cache, self._tables, self._slots = weights, cache, tables, slots

    def logits(self, count: int) -> Any:
        """Take the last tokens of the first `count` slots in, and return the logits after them: (count, vocabulary)."""
        shape, slots = self._weights.shape, self._slots
        numbers = slots.numbers[:, :count].long()
        hidden = torch.nn.functional.embedding(numbers[slots.TOKEN], self._weights.embedding)
        for number, layer in enumerate(self._weights.layers):
            hidden = norm(hidden, layer.before, shape.epsilon)
            mixed = layer.attention_in.apply(hidden).view(count, shape.heads, 3 * shape.head)
            queries, keys, values = mixed.split(shape.head, dim=-1)
            places = numbers[slots.POSITION], numbers[slots.BLOCK]
            queries = rotate(queries, *self._tables, *places)
            keys = rotate(keys, *self._tables, *places)
            seen = self._attend(number, numbers, queries, keys, values)
            hidden = torch.add(layer.attention_out.apply(seen), hidden, alpha=shape.residual)
            hidden = norm(hidden, layer.between, shape.epsilon)
            down = feed_forward(layer, hidden, lambda linear, given: linear.apply(given))
            hidden = torch.add(down, hidden, alpha=shape.residual)
        slots.numbers[slots.COUNT, :count] += slots.numbers[slots.WORKING, :count]
        return self._weights.output.apply(norm(hidden, self._weights.final, shape.epsilon))

    def _attend(self, layer: int, numbers: Any, queries: Any, keys: Any, values: Any) -> Any:
        rows = []
        for slot in range(queries.shape[0]):
            start, count = int(numbers[self._slots.START, slot]), int(numbers[self._slots.COUNT, slot])
            self._cache.write(layer, start + count, keys[slot : slot + 1], values[slot : slot + 1])
            held = self._cache.keys[layer, :, start : start + count + 1]
            scores = torch.einsum("hd,hpd->hp", queries[slot], held) / math.sqrt(queries.shape[-1])
            shares = torch.softmax(scores.float(), dim=-1).to(values.dtype)
            rows.append(torch.einsum("hp,hpd->hd", shares, self._cache.values[layer, :, start : start + count + 1]))
        return torch.stack(rows).flatten(1)
