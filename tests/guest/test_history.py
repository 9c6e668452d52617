"""How a chat becomes a prompt, and which turns go first where there is no room for all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from guest.history import Cut, cut, left_out_note, prompt_room, render

texts = st.text(alphabet="问答ab", max_size=12)


@given(st.lists(st.tuples(texts, texts), max_size=30), texts, st.integers(1, 600))
def test_as_few_of_the_oldest_turns_are_left_out_as_the_room_asks_for(
    turns: list[tuple[str, str]], question: str, room: int
) -> None:
    found = cut(turns, question, len, room)
    assert found.turns == turns[found.left_out :]
    assert found.tokens == len(render(found.turns, question))
    if found.left_out < len(turns):
        assert found.tokens <= room
    if found.left_out:
        assert len(render(turns[found.left_out - 1 :], question)) > room


def test_a_chat_that_fits_is_told_whole_and_the_question_is_never_cut() -> None:
    turns = [("你好", "好")]
    assert cut(turns, "再见", len, 1000) == Cut(turns, 0, len("[Round 0]\n问：你好\n答：好\n[Round 1]\n问：再见\n答："))
    assert cut(turns, "再见" * 100, len, 50) == Cut([], 1, 200)


def test_few_questions_are_asked_of_the_tokenizer_however_long_the_chat_is() -> None:
    asked: list[int] = []
    cut([("a" * 20, "b" * 20)] * 5000, "c", lambda text: asked.append(1) or len(text), 1000)
    assert len(asked) <= 16


def test_a_quarter_is_kept_for_the_answer() -> None:
    assert (prompt_room(1000), prompt_room(4096)) == (750, 3584)


def test_a_first_question_stands_alone_and_later_ones_after_the_turns() -> None:
    assert render([], "你好") == "你好"
    assert render([("a", "b")], "c") == "[Round 0]\n问：a\n答：b\n[Round 1]\n问：c\n答："


def test_the_page_says_what_was_left_out_and_nothing_where_nothing_was() -> None:
    assert left_out_note(0) == ""
    assert "较早的 3 轮" in left_out_note(3)
    assert "3 earlier turns" in left_out_note(3)
