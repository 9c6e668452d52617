"""One token for every slot by the kernels; see `guest.engine.torch_step` for what it computes."""

from __future__ import annotations

from typing import Any

from guest.engine.cache import Cache
from guest.engine.cuda.kernels import GELU, PARTS, PLAIN, RESIDUAL, Kernels
from guest.engine.linear import Linear
from guest.engine.slots import Slots
from guest.engine.torch_later import torch
from guest.engine.weights import Weights


class CudaStep:
    """Holds the buffers between the kernels: their addresses are part of the graph."""

    def __init__(self, weights: Weights, cache: Cache, tables: tuple[Any, Any], slots: Slots, kernels: Kernels) -> None:
        shape = weights.shape
        self._weights, self._cache, self._tables, self._slots = weights, cache, tables, slots
        self._kernels = kernels
        most, device = slots.most, cache.keys.device

        def rows(width: int) -> Any:
            return torch.zeros(most, width, dtype=torch.float16, device=device)

        self._normed, self._middle, self._hidden = rows(shape.hidden), rows(shape.hidden), rows(shape.hidden)
        self._mixed, self._seen, self._up = rows(3 * shape.hidden), rows(shape.hidden), rows(shape.inner)
        self._logits = rows(shape.vocabulary)
        self._partials = torch.zeros(most * shape.heads * PARTS * (shape.head + 2), device=device)
        self._arrivals = torch.zeros(most * shape.heads, dtype=torch.int32, device=device)
        biggest = max(rows * columns for rows, columns in shape.linears().values())
        self._opened = torch.empty(biggest, dtype=torch.float16, device=device) if weights.bits != 16 else None

    def logits(self, count: int) -> Any:
        """Take the last tokens of the first `count` slots in, and return the logits after them: (count, vocabulary)."""
        kernels, slots, weights = self._kernels, self._slots, self._weights
        numbers = slots.numbers
        first = weights.layers[0].before
        kernels.norm_embedded(weights.embedding, numbers[slots.TOKEN], first.weight, first.bias, self._normed, count)
        for number, layer in enumerate(weights.layers):
            kernels.linear(layer.attention_in, PLAIN, self._normed, self._mixed, count)
            kernels.attention(
                self._mixed,
                self._cache.keys[number],
                self._cache.values[number],
                *self._tables,
                numbers[slots.START],
                numbers[slots.COUNT],
                numbers[slots.POSITION],
                numbers[slots.BLOCK],
                self._partials,
                self._arrivals,
                self._seen,
                count=count,
                places=int(self._cache.keys.shape[2]),
            )
            kernels.linear(layer.attention_out, RESIDUAL, self._seen, self._hidden, count, residual=self._normed)
            kernels.norm(self._hidden, layer.between.weight, layer.between.bias, self._middle, count)
            kernels.linear(layer.up, GELU, self._middle, self._up, count)
            kernels.linear(layer.down, RESIDUAL, self._up, self._hidden, count, residual=self._middle)
            last = number + 1 == len(weights.layers)
            following = weights.final if last else weights.layers[number + 1].before
            kernels.norm(self._hidden, following.weight, following.bias, self._normed, count)
        kernels.linear(weights.output, PLAIN, self._normed, self._logits, count)
        numbers[slots.COUNT, :count] += numbers[slots.WORKING, :count]
        return self._logits[:count]

    def multiply(self, linear: Linear, values: Any) -> Any:
        """The product for a prompt's pass: a quantised matrix is opened into a buffer first."""
        if linear.bits == 16:
            return linear.apply(values)
        matrix = self._kernels.matrix(linear, self._opened)
        return torch.nn.functional.linear(values, matrix, linear.bias)
