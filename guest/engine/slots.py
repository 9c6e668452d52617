"""The requests that are decoded together: what the device must know of each, in tensors that never move."""

from __future__ import annotations

import random
from typing import Any

from guest.engine.prompt import Prompt
from guest.engine.sampling import Sampling
from guest.engine.torch_later import torch

#: As many as share one read of the weights in the matrix kernels.
MOST = 8
#: Chances that are sent to the device at once.
CHANCES = 4096


class Slots:
    """Of each slot: last token, where its keys start, how many, its two positions, whether it works, chances drawn."""

    TOKEN, START, COUNT, POSITION, BLOCK, WORKING, DRAWN = range(7)

    def __init__(self, device: Any, sink: int, most: int = MOST) -> None:
        self.most, self._sink, self._device = most, sink, device
        self.numbers = torch.zeros(7, most, dtype=torch.int32, device=device)
        self.numbers[self.START] = sink
        self.temperature = torch.ones(most, device=device)
        self.top_p = torch.ones(most, device=device)
        self.chances = torch.zeros(most, CHANCES, device=device)

    def begin(self, slot: int, prompt: Prompt, start: int, prefix: int, sampling: Sampling) -> None:
        """Set a slot up for the token after a prompt whose keys lie from `start` on, the prefix' ones among them."""
        source = random.Random(sampling.seed)  # noqa: S311 - an answer is no secret
        chances = torch.tensor([source.random() for _ in range(CHANCES)])
        self.chances[slot].copy_(chances)
        self.temperature[slot] = sampling.temperature
        self.top_p[slot] = sampling.top_p
        row = [0, start, prefix + len(prompt), prompt.positions[-1], prompt.blocks[-1], 1, 0]
        self.numbers[:, slot] = torch.tensor(row, dtype=torch.int32).to(self._device)

    def end(self, slot: int) -> None:
        """Let a slot do nothing: it writes to the sink."""
        row = [0, self._sink, 0, 0, 0, 0, 0]
        self.numbers[:, slot] = torch.tensor(row, dtype=torch.int32).to(self._device)

    def draw(self, count: int) -> Any:
        """The next chance of each of the first `count` slots."""
        place = (self.numbers[self.DRAWN, :count] % CHANCES).long()
        return self.chances[:count].gather(1, place[:, None]).squeeze(1)

    def advance(self, chosen: Any, count: int) -> None:
        """Make the chosen tokens the last ones: they stand one block further on."""
        working = self.numbers[self.WORKING, :count]
        self.numbers[self.TOKEN, :count] = chosen.int()
        self.numbers[self.BLOCK, :count] += working
        self.numbers[self.DRAWN, :count] += working
