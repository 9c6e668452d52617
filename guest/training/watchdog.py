"""Rules that stop a training which cannot succeed. The numbers are issues of THUDM/ChatGLM-6B."""

from __future__ import annotations

import math

from guest.failures import Verdict
from guest.phrases import phrase

# The cross entropy of guessing blindly among the model's 130,528 tokens.
BLIND_LOSS = math.log(130_528)

ZERO_LOSS = Verdict(
    phrase("The loss is exactly 0: the model computes nothing that can be learned from."),
    phrase(
        "Known on a T4 without quantisation and on Windows with fp16 or int8 (issues 754, "
        "1415, 1327): start again with quantization_bit 4; if it stays, lower learning_rate "
        "(2e-3)."
    ),
)
NAN_LOSS = Verdict(
    phrase("The loss is not a number (NaN or infinite): the training has run away."),
    phrase(
        "Start again with a lower learning_rate (2e-3) or quantization_bit 4; checkpoints "
        "before this step can still be deployed."
    ),
)
WORSE_THAN_GUESSING = Verdict(
    phrase(
        "The first loss is above {limit:.1f}, worse than blind guessing: the model was not read rightly.",
        limit=BLIND_LOSS,
    ),
    phrase("Check the model's files by their SHA-256 (doctor does it), then start again."),
)

#: A loss below this is on its way to 0: a small set is being learnt by heart.
_NEARLY_ZERO = 0.05


class Watchdog:
    """Sees every logged loss once, in order, and says when to stop.

    `before` is the last loss of the run before this attempt, None for a new one: only a new one's first loss is held
    against guessing.
    """

    def __init__(self, before: float | None = None) -> None:
        self._before = before

    def see(self, loss: float) -> Verdict | None:
        before, self._before = self._before, loss
        if not math.isfinite(loss):
            return NAN_LOSS
        # The trainer rounds to four digits: a small set that is learnt by heart logs 0.0 too, but gets there by and by.
        if loss == 0.0 and (before is None or before > _NEARLY_ZERO):
            return ZERO_LOSS
        if before is None and loss > BLIND_LOSS:
            return WORSE_THAN_GUESSING
        return None
