"""Answers in OpenAI's form: whole ones, and the events of a stream."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: Ends of a text that the next token may still change: half punctuation becomes full beside a Chinese character, blanks
#: at the end go, and a character may come in several tokens.
_UNSETTLED = ",!:;? \n\t\ufffd["
DONE = b"data: [DONE]\n\n"
MODEL = "chatglm-6b"
#: When the model was published, in seconds since 1970.
_PUBLISHED = 1683849600


def names(served: str) -> list[str]:
    """Names under which the model answers: always the same one, and that of a fine-tuned run besides."""
    return [MODEL] if served == "base" else [MODEL, served]


def model_document(name: str) -> dict[str, Any]:
    """A model in OpenAI's form."""
    return {"id": name, "object": "model", "created": _PUBLISHED, "owned_by": "THUDM"}


def usage(prompt: int, made: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}


@dataclass
class Envelope:
    """What all answers to one request have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, reason: str, prompt: int, made: int) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage(prompt, made)}

    def part(self, delta: dict[str, str], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event({**self._head("chat.completion.chunk"), "choices": [choice]})

    def last(self, prompt: int, made: int) -> bytes:
        """The event with the counts and without a choice, for those who asked for it."""
        return event({**self._head("chat.completion.chunk"), "choices": [], "usage": usage(prompt, made)})

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def event(document: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n".encode()


def settled(text: str, stops: Sequence[str]) -> str:
    """The beginning of a growing answer that will not change any more.

    What may be the beginning of a stop word is held back too.
    """
    end = len(text.rstrip(_UNSETTLED))
    for stop in stops:
        for length in range(min(len(stop) - 1, end), 0, -1):
            if text[:end].endswith(stop[:length]):
                end = len(text[: end - length].rstrip(_UNSETTLED))
                break
    return text[:end]


class Growing:
    """Turns the whole text so far into what is new of it."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops, self._sent = stops, ""

    def more(self, text: str, *, finished: bool = False) -> str:
        """What may be sent now. A text that is not the continuation of what was sent adds nothing until it is."""
        ready = text if finished else settled(text, self._stops)
        if len(ready) <= len(self._sent) or not ready.startswith(self._sent):
            return ""
        new, self._sent = ready[len(self._sent) :], ready
        return new
