"""The key-value cache: one piece of memory taken at the start, lent to requests in spans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from guest.engine.shape import Shape
from guest.engine.torch_later import torch


@dataclass(frozen=True)
class Span:
    """Places `start` to `start + length` of the cache, one a token."""

    start: int
    length: int


class Places:
    """Which places are lent. First fit: requests are few and come and go in nearly the same order."""

    def __init__(self, length: int) -> None:
        self.length = length
        self._lent: list[Span] = []

    def lend(self, length: int) -> Span | None:
        """A span of that many places, or None while there is none."""
        start = 0
        for place, span in enumerate(self._lent):
            if span.start - start >= length:
                self._lent.insert(place, Span(start, length))
                return self._lent[place]
            start = span.start + span.length
        if self.length - start < length:
            return None
        self._lent.append(Span(start, length))
        return self._lent[-1]

    def take_back(self, span: Span) -> None:
        self._lent.remove(span)


class Cache:
    """Keys and values of shape (layers, heads, places, head). The last place is the sink of slots that do nothing."""

    def __init__(self, shape: Shape, length: int, dtype: Any, device: Any) -> None:
        sizes = (shape.layers, shape.heads, length + 1, shape.head)
        self.keys = torch.zeros(sizes, dtype=dtype, device=device)
        self.values = torch.zeros(sizes, dtype=dtype, device=device)
        self.places = Places(length)

    @property
    def sink(self) -> int:
        return self.places.length

    def write(self, layer: int, start: int, keys: Any, values: Any) -> None:
        """Put keys and values of shape (tokens, heads, head) at consecutive places."""
        end = start + keys.shape[0]
        self.keys[layer, :, start:end] = keys.transpose(0, 1)
        self.values[layer, :, start:end] = values.transpose(0, 1)
