"""Where each token of a prompt stands. ChatGLM has two positions a token: one in the context, one in the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guest.engine.shape import Shape
from guest.errors import GuestError
from guest.phrases import phrase


@dataclass(frozen=True)
class Prompt:
    """`context` tokens see each other; those after it (from the token that begins the answer) see what is before them.

    `positions` and `blocks` are the two positions of each token; an answer's token stands at the place of the mask,
    and counts on in `blocks`.
    """

    tokens: tuple[int, ...]
    context: int
    positions: tuple[int, ...]
    blocks: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tokens)


def place(tokens: Sequence[int], shape: Shape) -> Prompt:
    """Give each token its positions, as `get_position_ids` of the model's own code does.

    Raises GuestError for tokens outside of the vocabulary and for a prompt without mask or beginning, which only a
    tokenizer of another model makes.
    """
    wrong = [token for token in tokens if not 0 <= token < shape.vocabulary]
    if wrong:
        raise GuestError(
            phrase(
                "The tokenizer gave token {wrong}, but the model's vocabulary has {vocabulary} tokens.",
                wrong=wrong[0],
                vocabulary=shape.vocabulary,
            ),
            phrase("ice_text.model and the weights are of different revisions: fetch the model again."),
        )
    mask = shape.gmask if shape.gmask in tokens else shape.mask
    if mask not in tokens or shape.begin not in tokens:
        raise GuestError(
            phrase("The tokenizer did not mark where the answer stands."),
            phrase("ice_text.model is of another model: fetch it again."),
        )
    context, at = tokens.index(shape.begin), tokens.index(mask)
    answer = len(tokens) - context
    return Prompt(
        tokens=tuple(tokens),
        context=context,
        positions=(*range(context), *[at] * answer),
        blocks=(*[0] * context, *range(1, answer + 1)),
    )
