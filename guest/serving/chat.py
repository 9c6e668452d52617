"""Keeps upstream's chat within the card's memory: history is cut by whole turns, and the page says so.

Put on from outside when the model is loaded; upstream's page goes on calling `stream_chat` as it does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from guest.history import Turn, cut, left_out_note, prompt_room, too_long

SLIDER = "Maximum length"


def limit_slider(gradio: Any, most: int) -> None:
    """Let the page's slider for the length end at `most`."""
    own_slider = gradio.Slider

    def slider(minimum: float = 0, maximum: float = 100, value: float | None = None, **more: Any) -> Any:
        if more.get("label") == SLIDER:
            maximum, value = min(maximum, most), min(value or most, most)
            more["label"] = (
                f"{SLIDER} (this card: up to {most:.0f}; older turns are left out 显存所限，较早的对话会省略)"
            )
        return own_slider(minimum, maximum, value, **more)

    gradio.Slider = slider


def limit_chat(model: Any, most: int) -> None:
    """Let the model's `stream_chat` be told no more than fits, and never fail for memory."""
    own_stream_chat = model.stream_chat
    # What the card was seen to hold, where that is less than was thought.
    seen = most

    def stream_chat(
        tokenizer: Any, query: str, history: list[Turn] | None = None, max_length: int = 2048, **more: Any
    ) -> Iterator[tuple[str, list[Turn]]]:
        nonlocal seen
        turns = history or []
        length = min(max_length, most)
        room = min(prompt_room(length), seen)

        def count(text: str) -> int:
            return len(tokenizer.encode(text))

        while True:
            kept = cut(turns, query, count, room)
            if kept.tokens > room:
                yield too_long(kept.tokens, room), turns
                return
            note = left_out_note(len(history or []) - len(kept.turns))
            answered = False
            try:
                for response, told in own_stream_chat(tokenizer, query, kept.turns, max_length=length, **more):
                    answered = True
                    yield response + note, told
                return
            except RuntimeError as error:
                if "out of memory" not in str(error):
                    raise
                if answered:
                    # A part was said already: it stands, and the chat goes on from it.
                    return
            _free_memory()
            if not kept.turns:
                yield too_long(kept.tokens, room), turns
                return
            room = seen = kept.tokens * 3 // 4

    model.stream_chat = stream_chat


def _free_memory() -> None:
    torch: Any = importlib.import_module("torch")
    empty: Callable[[], None] | None = getattr(getattr(torch, "cuda", None), "empty_cache", None)
    if empty is not None:
        empty()
