"""One question to the page, in the order in which gradio 3 tells it (as its own `/config` gave it)."""

from __future__ import annotations

from typing import Any

import pytest

from guest.errors import GuestError
from guest.serving.question import arguments, ask, last_answer


def component(number: int, kind: str, value: Any = None) -> dict[str, Any]:
    return {"id": number, "type": kind, "props": {"value": value}}


CONFIG = {
    "components": [
        component(2, "chatbot", []), component(3, "textbox", ""), component(5, "slider", 8192),
        component(6, "slider", 0.8), component(7, "slider", 0.95), component(8, "state", []), component(9, "state"),
    ],
    "dependencies": [{"inputs": [3, 2, 5, 6, 7, 8, 9], "outputs": [2, 8, 9]}, {"inputs": [], "outputs": [3]}],
}  # fmt: skip


def test_each_component_gets_what_it_takes() -> None:
    assert arguments(CONFIG, "你好") == ["你好", [], 64, 0.8, 0.95, None, None]


def test_the_answer_is_the_last_one_in_the_chat_box() -> None:
    assert last_answer(CONFIG, [[["你好", "first"], ["?", "last"]], None, None]) == "last"
    assert last_answer(CONFIG, [[["你好", None]], None, None]) == ""


def test_a_page_that_is_not_there_is_told() -> None:
    with pytest.raises(GuestError, match="could not be asked"):
        ask("http://127.0.0.1:9", "token", "?")
