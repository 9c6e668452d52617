"""P-Tuning v2: a trained prefix, which is nothing but keys and values that stand before every prompt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.engine.reading import Reader
from guest.engine.shape import Shape
from guest.engine.shards import SINGLE, read_entries
from guest.engine.torch_later import torch
from guest.errors import GuestError
from guest.phrases import phrase

_ROOT = "transformer.prefix_encoder."


@dataclass(frozen=True)
class Prefix:
    """`keys` and `values` of shape (layers, heads, length, head)."""

    keys: Any
    values: Any

    @property
    def length(self) -> int:
        return int(self.keys.shape[2])


def load_prefix(checkpoint: Path, shape: Shape, device: Any, dtype: Any) -> Prefix:
    """The prefix in a training's checkpoint. Raises GuestError where there is none that fits the model."""
    entries = [entry for entry in read_entries(checkpoint / SINGLE) if entry.name.startswith(_ROOT)]
    held = {entry.name.removeprefix(_ROOT): tensor.float() for entry, tensor in Reader(device).read(entries)}
    if "embedding.weight" not in held:
        raise GuestError(
            phrase("{checkpoint} holds no trained prefix.", checkpoint=checkpoint.name),
            phrase("Choose a checkpoint of a run that was trained with P-Tuning."),
        )
    numbers = held["embedding.weight"]
    if "trans.0.weight" in held:
        linear = torch.nn.functional.linear
        inner = torch.tanh(linear(numbers, held["trans.0.weight"], held["trans.0.bias"]))
        numbers = linear(inner, held["trans.2.weight"], held["trans.2.bias"])
    if numbers.shape[1] != shape.cache_values:
        raise GuestError(
            phrase(
                "The prefix in {checkpoint} has {shape} numbers a token, the model {cache_values}.",
                checkpoint=checkpoint.name,
                shape=numbers.shape[1],
                cache_values=shape.cache_values,
            ),
            phrase("It was trained on another model."),
        )
    # (length, layer and key or value, heads, head) -> (layer, key or value, heads, length, head)
    split = numbers.to(dtype).view(-1, shape.layers, 2, shape.heads, shape.head).permute(1, 2, 3, 0, 4)
    return Prefix(split[:, 0].contiguous(), split[:, 1].contiguous())
