"""What answers the API's requests on the machine: the engine, or upstream's loop where that serves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from guest.engine.conversation import Conversation, Piece
from guest.engine.sampling import Sampling
from guest.engine.scheduler import LineFullError, TooLongError, Waiting
from guest.errors import GuestError
from guest.history import render
from guest.serving.api_errors import ApiError, line_full, too_long
from guest.serving.api_request import ChatRequest

#: The longest that upstream's page offers; the model was trained with half of it, which is what is given unasked.
MOST_CONTEXT, USUAL_CONTEXT = 4096, 2048
#: What is left to an answer, at least, where the request does not say how long it may be.
SHORTEST_ROOM = 256
#: Requests that may wait for upstream's loop, which serves one at a time.
UPSTREAM_LINE = 8


def room_for_answer(request: ChatRequest, tokens: int, most: int) -> int:
    """How many tokens the answer may have. Raises ApiError where the messages alone are too long."""
    if tokens >= most:
        raise too_long(tokens, most)
    if request.longest is not None:
        return min(request.longest, most - tokens)
    return min(max(USUAL_CONTEXT - tokens, SHORTEST_ROOM), most - tokens)


class EngineAnswerer:
    """Asks the engine; many requests are decoded together."""

    def __init__(self, conversation: Conversation, served: Callable[[], str]) -> None:
        self._conversation, self.served = conversation, served

    def answer(self, request: ChatRequest) -> Iterator[Piece]:
        tokens = self._conversation.tokens(request.rounds, request.question)
        most = min(MOST_CONTEXT, self._conversation.context)
        new = room_for_answer(request, len(tokens), most)
        sampling = Sampling(request.temperature, request.top_p, request.seed)
        try:
            for event in self._conversation.answer(tokens, new, sampling, stops=request.stops):
                if not isinstance(event, Waiting):
                    yield event
        except LineFullError as error:
            raise line_full(str(error)) from None
        except TooLongError:
            raise too_long(len(tokens), most) from None
        except GuestError as error:
            raise ApiError(503, f"{error.message} {error.hint}", kind="server_error", code="engine_failed") from None


class UpstreamAnswerer:
    """Asks upstream's `stream_chat`, one request after the other. Its tokens are counted from the answer's text."""

    def __init__(self, model: Any, tokenizer: Any, served: Callable[[], str]) -> None:
        self._model, self._tokenizer, self.served = model, tokenizer, served
        self._one = threading.Lock()
        self._line = threading.BoundedSemaphore(UPSTREAM_LINE)

    def answer(self, request: ChatRequest) -> Iterator[Piece]:
        tokens = len(self._tokenizer.encode(render(request.rounds, request.question)))
        new = room_for_answer(request, tokens, MOST_CONTEXT)
        if not self._line.acquire(blocking=False):
            raise line_full(f"{UPSTREAM_LINE} requests wait already.")
        try:
            with self._one:
                yield from self._ask(request, tokens, new)
        finally:
            self._line.release()

    def _ask(self, request: ChatRequest, tokens: int, new: int) -> Iterator[Piece]:
        options: dict[str, Any] = {"max_length": tokens + new, "do_sample": request.temperature > 0}
        if request.temperature > 0:
            options |= {"temperature": request.temperature, "top_p": request.top_p}
        text, made = "", 0
        for text, _ in self._model.stream_chat(
            self._tokenizer, request.question, history=list(request.rounds), **options
        ):
            made = len(self._tokenizer.encode(text)) - 2
            cut = min((at for stop in request.stops if (at := text.find(stop)) >= 0), default=None)
            if cut is not None:
                yield Piece(text[:cut], made, tokens, "stop")
                return
            yield Piece(text, made, tokens)
        yield Piece(text, made, tokens, "length" if made >= new - 1 else "stop")
