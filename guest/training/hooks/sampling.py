"""Makes a row's sampled answer depend on its number and the seed alone, and not on who is in its batch.

Upstream samples (top-p 0.7) while it evaluates. With one generator for all, eight answers of one batch would be others
than eight of batches of one, and nobody could tell whether batching changed anything.
"""

from __future__ import annotations

import importlib
from typing import Any


class RowDraws:
    """Uniform numbers for each row of the present batch, one for each generated token."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rows_before = 0
        self._draws: Any = None
        self._token = 0

    def begin(self, rows: int, tokens: int) -> None:
        """A batch of the next `rows` rows begins; `tokens` is the most that can be generated."""
        torch: Any = importlib.import_module("torch")
        drawn = []
        for row in range(self._rows_before, self._rows_before + rows):
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + row)
            drawn.append(torch.rand(tokens, generator=generator))
        self._draws, self._token = torch.stack(drawn), 0
        self._rows_before += rows

    def choose(self, probabilities: Any) -> Any:
        """One token a row by the inverse of its distribution; no waiting for the GPU in between."""
        torch: Any = importlib.import_module("torch")
        draw = self._draws[:, self._token].to(probabilities.device).unsqueeze(1)
        self._token += 1
        # Most probable first: rounding of the sum then never reaches a token of probability 0.
        ordered, places = probabilities.float().sort(dim=-1, descending=True, stable=True)
        reached = ordered.cumsum(dim=-1)
        chosen = torch.searchsorted(reached, draw * reached[:, -1:], right=True)
        return places.gather(1, chosen.clamp(max=ordered.size(-1) - 1))


def sample_by_row(model_class: Any, seed: int) -> None:
    """Put `RowDraws` in the place of `torch.multinomial` while `model_class` generates."""
    torch: Any = importlib.import_module("torch")
    draws = RowDraws(seed)
    own_generate, own_multinomial = model_class.generate, torch.multinomial

    def generate(self: Any, *args: Any, **kwargs: Any) -> Any:
        tokens = kwargs["input_ids"]
        draws.begin(tokens.shape[0], max(1, kwargs["max_length"] - tokens.shape[1]) + 1)

        def multinomial(probabilities: Any, num_samples: int, *rest: Any, **more: Any) -> Any:
            if num_samples != 1:
                return own_multinomial(probabilities, num_samples, *rest, **more)
            return draws.choose(probabilities)

        torch.multinomial = multinomial
        try:
            return own_generate(self, *args, **kwargs)
        finally:
            torch.multinomial = own_multinomial

    model_class.generate = generate
