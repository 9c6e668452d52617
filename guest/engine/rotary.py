"""The tables of rotary positions, rounded as the model's own code rounds them."""

from __future__ import annotations

from typing import Any

from guest.engine.torch_later import torch

BASE = 10000.0


def rotary_tables(head: int, positions: int, dtype: Any, device: Any) -> tuple[Any, Any]:
    """Cosines and sines, each of shape (positions, head // 4).

    Half of a head turns with the position in the context, half with the one in the answer, and each half pairs its
    own first numbers with its last: hence the fourth. In fp16 upstream computes angles in fp16, which at position
    1,000 is off by up to half a radian; a model that was trained so must be run so.
    """
    half = head // 2
    frequency = (1.0 / (BASE ** (torch.arange(0, half, 2).float() / half))).half().to(dtype)
    place = torch.arange(positions).float().to(dtype)
    if dtype == torch.float16:
        angle = (place.float()[:, None] * frequency.float()[None, :]).half()
        table = angle.float().cos().half(), angle.float().sin().half()
    else:
        angle = place[:, None] * frequency[None, :]
        table = angle.cos(), angle.sin()
    return table[0].contiguous().to(device), table[1].contiguous().to(device)


def rotate(values: Any, cosines: Any, sines: Any, positions: Any, blocks: Any) -> Any:
    """Turn queries or keys of shape (tokens, heads, head) to their two positions, each of shape (tokens)."""
    first, second = values.chunk(2, dim=-1)
    return torch.cat([_turn(first, cosines, sines, positions), _turn(second, cosines, sines, blocks)], dim=-1)


def _turn(values: Any, cosines: Any, sines: Any, positions: Any) -> Any:
    cosine = cosines[positions].unsqueeze(1)
    sine = sines[positions].unsqueeze(1)
    low, high = values.chunk(2, dim=-1)
    return torch.cat([low * cosine - high * sine, high * cosine + low * sine], dim=-1)
