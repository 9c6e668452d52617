"""One matrix of the model with its bias, in the precision that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from guest.engine import quantise
from guest.engine.torch_later import torch


@dataclass
class Linear:
    """`data` is the matrix row by row, or packed integers where `bits` is 8 or 4; then `scale` has one number a row."""

    data: Any
    rows: int
    columns: int
    bias: Any = None
    scale: Any = None
    bits: int = 16

    @property
    def bytes(self) -> int:
        """Bytes that one token's step reads of it."""
        parts = [part for part in (self.data, self.bias, self.scale) if part is not None]
        return sum(part.numel() * part.element_size() for part in parts)

    def matrix(self, dtype: Any) -> Any:
        """The matrix as numbers, rounded as upstream's dequantised one: the fp16 product of scale and integer."""
        if self.bits == 16:
            return self.data
        integers = quantise.unpack(self.data, self.rows, self.columns, self.bits)
        return (integers.float() * self.scale.float()[:, None]).half().to(dtype)

    def apply(self, values: Any) -> Any:
        """Multiply (tokens, columns) to (tokens, rows)."""
        return torch.nn.functional.linear(values, self.matrix(values.dtype), self.bias)


def quantised(weight: Any, bias: Any, bits: int) -> Linear:
    """A linear layer in 8 or 4 bits, quantised here as upstream does."""
    integers, scale = quantise.scale_and_round(weight, bits)
    rows, columns = integers.shape
    return Linear(quantise.pack(integers, bits), rows, columns, bias, scale, bits)
