"""Text in, text out: rounds become a prompt, tokens become an answer, as the model's own `chat` does both."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from guest.engine.prompt import place
from guest.engine.sampling import Sampling
from guest.engine.scheduler import Scheduler, TooLongError, Waiting
from guest.engine.shape import Shape
from guest.errors import GuestError
from guest.history import Turn, cut, left_out_note, prompt_room, render, too_long

#: Half and full punctuation: the model's own code writes the full one beside Chinese characters.
_PUNCTUATION = ((",", "，"), ("!", "！"), (":", "："), (";", "；"), (r"\?", "？"))
_CHINESE = r"([\u4e00-\u9fff])"


class Tokenizer(Protocol):
    def encode(self, text: str) -> list[int]: ...

    def decode(self, tokens: list[int]) -> str: ...


@dataclass(frozen=True)
class Piece:
    """How an answer stands: its whole text so far, its tokens so far, and those of the prompt."""

    text: str
    made: int
    prompt: int
    finished: str = ""


def polish(text: str) -> str:
    """What the model's own `process_response` does to an answer."""
    text = text.strip().replace("[[训练时间]]", "2023年")
    for half, full in _PUNCTUATION:
        text = re.sub(f"{_CHINESE}{half}", rf"\g<1>{full}", text)
        text = re.sub(f"{half}{_CHINESE}", rf"{full}\g<1>", text)
    return text


class Conversation:
    """Asks the scheduler in words. Raises GuestError where the tokenizer and the model do not belong together."""

    def __init__(self, scheduler: Scheduler, tokenizer: Tokenizer, shape: Shape) -> None:
        self._scheduler, self._tokenizer, self._shape = scheduler, tokenizer, shape
        place(tokenizer.encode("你好"), shape)

    @property
    def context(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        return self._scheduler.places

    def tokens(self, history: Sequence[Turn], question: str) -> list[int]:
        return self._tokenizer.encode(render(history, question))

    def answer(
        self, tokens: list[int], new: int, sampling: Sampling, *, stops: Sequence[str] = ()
    ) -> Iterator[Piece | Waiting]:
        """The answer as it grows; the last piece says why it ended: `stop` or `length`.

        Raises TooLongError and LineFullError. Leaving the iteration frees the request's place.
        """
        ticket = self._scheduler.submit(place(tokens, self._shape), new, sampling)
        made: list[int] = []
        text = ""
        events = ticket.follow()
        try:
            for event in events:
                if isinstance(event, Waiting):
                    yield event
                    continue
                made.append(event)
                text = polish(self._tokenizer.decode(made))
                cut = min((at for stop in stops if (at := text.find(stop)) >= 0), default=None)
                if cut is not None:
                    yield Piece(text[:cut], len(made), len(tokens), "stop")
                    return
                yield Piece(text, len(made), len(tokens))
        finally:
            ticket.leave()
        yield Piece(text, len(made), len(tokens), "length" if len(made) >= ticket.new else "stop")

    def answer_cutting(
        self, history: Sequence[Turn], question: str, longest: int, sampling: Sampling, left_out: Callable[[int], None]
    ) -> Iterator[Piece | Waiting]:
        """As `answer`, for a person who talks on and on: turns that do not fit are left out, the oldest first.

        `longest` bounds prompt and answer together, as upstream's page does; `left_out` hears how many turns were.
        Raises GuestError where the question alone does not fit.
        """
        most = min(longest, self.context)
        room = prompt_room(most)
        while True:
            kept = cut(history, question, lambda text: len(self._tokenizer.encode(text)), room)
            if kept.tokens < most:
                left_out(kept.left_out)
                tokens = self.tokens(kept.turns, question)
                try:
                    yield from self.answer(tokens, most - len(tokens), sampling)
                    return
                except TooLongError:
                    pass  # the card holds less than was thought
            if not kept.turns:
                raise GuestError(too_long(kept.tokens, min(most, kept.tokens) - 1), "")
            room = kept.tokens * 3 // 4


class StreamChat:
    """Stands in for the model in upstream's page, which asks by `stream_chat` and knows nothing else of it."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def eval(self) -> StreamChat:
        return self

    def stream_chat(
        self,
        tokenizer: Any,  # noqa: ARG002 - the page brings its own, of the same folder
        query: str,
        history: list[Turn] | None = None,
        max_length: int = 2048,
        do_sample: bool = True,
        top_p: float = 0.7,
        temperature: float = 0.95,
        **_: Any,
    ) -> Iterator[tuple[str, list[Turn]]]:
        """The answer so far, and the history with it. Trouble is told in the answer's place."""
        history = list(history or [])
        sampling = Sampling(temperature if do_sample else 0.0, top_p)
        left_out = [0]
        count = partial(left_out.__setitem__, 0)
        try:
            for event in self._conversation.answer_cutting(history, query, int(max_length), sampling, count):
                if isinstance(event, Waiting):
                    if event.before:
                        yield f"（排队中，前面还有 {event.before} 位 / {event.before} before you）", history
                    continue
                yield event.text + left_out_note(left_out[0]), [*history, (query, event.text)]
        except GuestError as error:
            yield f"{error.message} {error.hint}", history
        except Exception as error:
            yield str(error), history
