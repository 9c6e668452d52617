"""How many tokens a chat may have on this card: prompt and answer together, by precision and memory.

Measured with random weights of the model's shape on an H100 (peak reserved at the prompt, GiB, fp16): 12.3 at 512
tokens, 13.1 at 1,024, 14.2 at 1,536, 15.0 at 2,040, 20.9 at 4,080. What is above the weights is the same in every
precision, since quantised weights are unpacked one layer at a time.
"""

from __future__ import annotations

import itertools

from guest.gpu import GIB, WEIGHTS_GIB

#: (tokens, GiB above the weights)
_WORKING = ((0, 0.0), (512, 0.8), (1024, 1.6), (1536, 2.7), (2040, 3.5), (4080, 9.4))
_CONTEXT_GIB = 0.4
_SPARE_GIB = 0.2
#: What upstream's slider goes to, and what a chat has at least: below it no card is worth asking.
MOST_TOKENS = 4096
LEAST_TOKENS = 256


def most_tokens(bits: int | None, memory_bytes: int | None) -> int:
    """The most tokens of a chat on a card with `memory_bytes` free before the model is loaded; None: not known."""
    if memory_bytes is None:
        return MOST_TOKENS
    room = memory_bytes / GIB - WEIGHTS_GIB[bits] - _CONTEXT_GIB - _SPARE_GIB
    found = MOST_TOKENS if room >= _WORKING[-1][1] else 0
    for (tokens, least), (more_tokens, most) in itertools.pairwise(_WORKING):
        if least <= room < most:
            found = int(tokens + (more_tokens - tokens) * (room - least) / (most - least))
    return min(max(found, LEAST_TOKENS), MOST_TOKENS)
