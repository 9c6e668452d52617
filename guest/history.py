"""How a chat becomes a prompt, and which earlier turns it still holds: whole ones, the newest, as many as have room.

Upstream tells all of them until memory runs out. One pure rule for training, evaluation, upstream's page, and the
engine behind page and API.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Turn = tuple[str, str]
#: Tokens kept for the answer: a quarter of all, and no more than this.
ANSWER_TOKENS = 512


@dataclass(frozen=True)
class Cut:
    """`turns` is what is kept, `tokens` what question and kept turns take together."""

    turns: list[Turn]
    left_out: int
    tokens: int


def render(turns: Sequence[Sequence[str]], question: str) -> str:
    """The prompt as the model's own code writes it (modeling_chatglm.py, `chat`): a first question stands alone."""
    if not turns:
        return question
    rounds = [*turns, (question, "")]
    return "\n".join(f"[Round {number}]\n问：{asked}\n答：{said}" for number, (asked, said) in enumerate(rounds))


def cut(turns: Sequence[Turn], question: str, count: Callable[[str], int], room: int) -> Cut:
    """Leave out as few of the oldest turns as `room` tokens ask for. The question itself is never cut.

    `count` is asked a few times only, however many turns there are: fewer turns never take more tokens.
    """
    if (tokens := count(render(turns, question))) <= room:
        return Cut(list(turns), 0, tokens)
    low, high = 1, len(turns)
    while low < high:
        middle = (low + high) // 2
        if count(render(turns[middle:], question)) <= room:
            high = middle
        else:
            low = middle + 1
    kept = list(turns[high:])
    return Cut(kept, len(turns) - len(kept), count(render(kept, question)))


def left_out_note(turns: int) -> str:
    """What the page says below an answer where turns were left out. It does not become part of the chat."""
    if not turns:
        return ""
    chinese = f"较早的 {turns} 轮对话放不下，已省略。"
    return f"\n\n[{chinese} {turns} earlier turns were left out: there is no room for more.]"


def too_long(tokens: int, room: int) -> str:
    """What the page answers where the question alone does not fit."""
    chinese = f"这个问题有 {tokens} 个 token，这里最多放得下 {room} 个，请缩短。"
    return f"[{chinese} The question has {tokens} tokens and there is room for {room}: please shorten it.]"


def prompt_room(most: int) -> int:
    """Tokens for the prompt where prompt and answer together have `most`."""
    return most - min(ANSWER_TOKENS, most // 4)
