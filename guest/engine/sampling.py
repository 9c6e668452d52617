"""Choosing the next token, all on the device and without a wait for the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from guest.engine.torch_later import torch

#: transformers' own default, which upstream never changes: only the 50 likeliest tokens take part.
TOP_K = 50
#: What upstream's page answers with when a number of the model is no number any more.
INVALID = 5


@dataclass(frozen=True)
class Sampling:
    """`temperature` 0 always takes the likeliest token; `top_p` is the share of probability that takes part."""

    temperature: float = 0.95
    top_p: float = 0.7
    seed: int | None = None


def choose(logits: Any, temperature: Any, top_p: Any, chance: Any) -> Any:
    """One token for each row of `logits` (rows, vocabulary): the order temperature, top k, top p is transformers'.

    `temperature`, `top_p` and `chance` (uniform in [0, 1)) have one number a row. A row with NaN or infinity at its top
    (NaN counts as the largest) gives the token `INVALID`.
    """
    likeliest, tokens = logits.topk(min(TOP_K, logits.shape[-1]), dim=-1)
    hot = torch.where(temperature > 0, temperature, torch.ones_like(temperature))
    shares = torch.softmax(likeliest.float() / hot[:, None], dim=-1)
    above = shares.cumsum(-1) - shares
    # The likeliest token always takes part, also with top_p 0.
    takes_part = above < top_p[:, None]
    takes_part[:, 0] = True
    reached = (shares * takes_part).cumsum(-1)
    place = (reached <= chance[:, None] * reached[:, -1:]).sum(-1).clamp(max=shares.shape[-1] - 1)
    # Rounding may reach past the last one that takes part.
    place = torch.minimum(place, takes_part.sum(-1) - 1)
    drawn = tokens.gather(-1, place[:, None]).squeeze(-1)
    chosen = torch.where(temperature > 0, drawn, tokens[:, 0])
    return torch.where(torch.isfinite(likeliest[:, 0]), chosen, torch.full_like(chosen, INVALID))
