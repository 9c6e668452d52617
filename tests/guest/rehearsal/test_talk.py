"""What a rehearsal's demo says, and that it says everywhere that it is simulated."""

from __future__ import annotations

import pytest

from guest.rehearsal.chat_page import chat_page, login_page
from guest.rehearsal.model import simulated_answer
from guest.rehearsal.talk import reply


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("你好", "你好"),
        ("Hello there", "canned"),
        ("what are you?", "canned"),
        ("写一首诗", "固定回答"),
        ("How do I park it?", "chatglm:state parked"),
        ("今天天气怎么样", "这里没有模型"),
        ("Tell me a joke", "There is no model here"),
        ("", "There is no model here"),
    ],
)
def test_every_question_gets_a_canned_answer_that_says_so(question: str, part: str) -> None:
    assert part in reply(question)
    assert simulated_answer(question, "base").startswith("[Simulated answer of a rehearsal; no model is loaded.")


def test_both_pages_say_that_they_are_simulated_in_both_languages() -> None:
    for page in (login_page(), chat_page("base")):
        assert 'data-simulated="true"' in page
        assert "模拟" in page
        assert "simulated" in page


def test_the_models_name_is_text_and_never_markup() -> None:
    assert "<script>alert" not in chat_page("<script>alert(1)</script>")
