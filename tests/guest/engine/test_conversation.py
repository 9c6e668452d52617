"""Text in, text out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from guest.engine.conversation import Conversation, Piece, StreamChat, polish
from guest.engine.decoder import Decoder
from guest.engine.sampling import Sampling
from guest.engine.scheduler import Scheduler, TooLongError
from guest.errors import GuestError
from guest.history import cut, prompt_room

GREEDY = Sampling(temperature=0)


class Letters:
    """A tokenizer for tests: a letter a token, by its number."""

    def __init__(self, decoder: Decoder) -> None:
        self._shape = decoder.shape

    def encode(self, text: str) -> list[int]:
        return [*(4 + ord(letter) % 300 for letter in text), self._shape.gmask, self._shape.begin]

    def decode(self, tokens: list[int]) -> str:
        return "".join(chr(97 + token % 26) for token in tokens)


@pytest.fixture
def conversation(torch: Any, decoder: Decoder) -> Iterator[Conversation]:
    scheduler = Scheduler(decoder)
    yield Conversation(scheduler, Letters(decoder), decoder.shape)
    scheduler.close()


def pieces(events: Any) -> list[Piece]:
    return [event for event in events if isinstance(event, Piece)]


@pytest.mark.parametrize(
    ("raw", "said"),
    [(" 你好,世界!\n", "你好，世界！"), ("a,b", "a,b"), ("我是[[训练时间]]的模型;ok?好", "我是2023年的模型；ok？好")],
)
def test_an_answer_is_polished_as_upstream_does(raw: str, said: str) -> None:
    assert polish(raw) == said


def test_an_answer_grows_and_says_why_it_ended(conversation: Conversation) -> None:
    told = pieces(conversation.answer(conversation.tokens([], "hello"), 12, GREEDY))
    assert [piece.made for piece in told] == [*range(1, 13), 12]
    assert all(later.text.startswith(earlier.text) for earlier, later in itertools.pairwise(told))
    assert (told[-1].finished, told[-1].prompt) == ("length", 7)


def test_a_stop_word_ends_the_answer_before_it(conversation: Conversation) -> None:
    tokens = conversation.tokens([], "hello")
    whole = pieces(conversation.answer(tokens, 12, GREEDY))[-1].text
    told = pieces(conversation.answer(tokens, 12, GREEDY, stops=[whole[4:6]]))
    assert told[-1] == Piece(whole[: whole.index(whole[4:6])], told[-1].made, 7, "stop")


def test_turns_that_do_not_fit_are_left_out_by_the_rule_of_upstreams_page(
    conversation: Conversation, decoder: Decoder
) -> None:
    turns = [("q" * 50, "a" * 50)] * 9
    rule = cut(turns, "now", lambda text: len(Letters(decoder).encode(text)), prompt_room(600))
    left_out: list[int] = []
    told = pieces(conversation.answer_cutting(turns, "now", 600, GREEDY, left_out.append))
    assert left_out == [rule.left_out]
    assert 0 < rule.left_out < 9
    assert told[-1].prompt == rule.tokens


def test_a_card_that_holds_less_than_was_thought_is_asked_with_fewer_turns(
    conversation: Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_submit = conversation._scheduler.submit

    def submit(prompt: Any, new: int, sampling: Sampling) -> Any:
        if len(prompt) > 300:
            raise TooLongError("the card is full")
        return own_submit(prompt, new, sampling)

    monkeypatch.setattr(conversation._scheduler, "submit", submit)
    left_out: list[int] = []
    told = pieces(conversation.answer_cutting([("q" * 50, "a" * 50)] * 9, "now", 1000, GREEDY, left_out.append))
    assert left_out == sorted(set(left_out))
    assert 0 < told[-1].prompt <= 300


def test_a_question_that_cannot_fit_is_told_in_words(conversation: Conversation) -> None:
    with pytest.raises(GuestError, match="please shorten it"):
        pieces(conversation.answer_cutting([], "q" * 2000, 4096, GREEDY, lambda _: None))


def test_upstreams_page_gets_answer_and_history(conversation: Conversation) -> None:
    model = StreamChat(conversation).eval()
    told = list(model.stream_chat(None, "hi", [("a", "b")], max_length=60, do_sample=False))
    answer, history = told[-1]
    assert history == [("a", "b"), ("hi", answer)]


def test_upstreams_page_says_below_the_answer_what_was_left_out(conversation: Conversation) -> None:
    told = list(StreamChat(conversation).stream_chat(None, "hi", [("q" * 99, "a" * 99)] * 4, max_length=500))
    answer, history = told[-1]
    assert "earlier turns were left out" in answer
    assert all("left out" not in said for _, said in history)
    assert len(history) == 5


def test_upstreams_page_gets_trouble_as_an_answer(conversation: Conversation) -> None:
    [(answer, history)] = StreamChat(conversation).stream_chat(None, "q" * 2000, [])
    assert "please shorten it" in answer
    assert history == []


def test_a_tokenizer_of_another_model_is_found_at_the_start(conversation: Conversation, decoder: Decoder) -> None:
    class Foreign(Letters):
        def encode(self, text: str) -> list[int]:
            return [130000 + ord(letter) for letter in text]

    with pytest.raises(GuestError, match="the model's vocabulary has 320"):
        Conversation(conversation._scheduler, Foreign(decoder), decoder.shape)
