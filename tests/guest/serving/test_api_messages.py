"""OpenAI's messages as rounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guest.serving.api_answer import Growing
from guest.serving.api_errors import ApiError
from guest.serving.api_messages import rounds_of


def said(*turns: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"role": role, "content": content} for role, content in turns]


@pytest.mark.parametrize(
    ("messages", "rounds", "question"),
    [
        (said(("user", "a")), [], "a"),
        (said(("user", "a"), ("assistant", "b"), ("user", "c")), [("a", "b")], "c"),
        (said(("system", "s"), ("user", "a")), [], "s\n\na"),
        (said(("user", "a"), ("assistant", "b"), ("system", "s"), ("user", "c")), [("s\n\na", "b")], "c"),
        (said(("system", "s"), ("developer", "d"), ("user", "a")), [], "s\nd\n\na"),
        (said(("user", "a"), ("user", "b")), [], "a\nb"),
        (said(("assistant", "hello"), ("user", "a")), [("", "hello")], "a"),
        (said(("user", "a"), ("assistant", "b"), ("assistant", "c"), ("user", "d")), [("a", "b\nc")], "d"),
        (said(("user", None)), [], ""),
    ],
)
def test_the_rule(messages: list[dict[str, Any]], rounds: list[tuple[str, str]], question: str) -> None:
    assert rounds_of(messages) == (rounds, question)


def test_tools_are_refused_by_name() -> None:
    with pytest.raises(ApiError, match="knows no tools"):
        rounds_of([{"role": "tool", "content": "1", "tool_call_id": "x"}])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text("你好ab,!. \nST", max_size=30), st.lists(st.text("STOP", min_size=1, max_size=4), max_size=2))
def test_what_is_sent_piece_by_piece_is_the_whole(text: str, stops: list[str]) -> None:
    growing = Growing(stops)
    sent = "".join(growing.more(text[:end].strip()) for end in range(1, len(text) + 1))
    assert sent + growing.more(text.strip(), finished=True) == text.strip()


def test_the_beginning_of_a_stop_word_is_held_back() -> None:
    growing = Growing(["END"])
    assert growing.more("go E") == "go "[:2]
    assert growing.more("go EN") == ""
    assert growing.more("go Ex") == " Ex"
