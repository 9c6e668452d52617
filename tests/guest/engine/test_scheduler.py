"""Requests in a line."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from guest.engine.cache import Places
from guest.engine.decoder import Decoder, Pending
from guest.engine.prompt import Prompt, place
from guest.engine.sampling import Sampling
from guest.engine.scheduler import LineFullError, Scheduler, TooLongError, Waiting
from guest.errors import GuestError
from tests.waiting import HANG_SECONDS
from tools import tiny_model

GREEDY = Sampling(temperature=0)


class Held:
    """Lets a decoder's steps pass only when the test says so."""

    def __init__(self, decoder: Decoder) -> None:
        self.gate = threading.Semaphore(0)
        self.counts: list[int] = []
        self._launch = decoder.launch
        decoder.launch = self.launch  # type: ignore[method-assign]

    def launch(self, count: int) -> Pending:
        self.counts.append(count)
        self.gate.acquire()
        return self._launch(count)

    def open(self) -> None:
        for _ in range(10_000):
            self.gate.release()


@pytest.fixture
def scheduler(decoder: Decoder) -> Iterator[Scheduler]:
    made = Scheduler(decoder)
    yield made
    made.close()


def prompt(decoder: Decoder, number: int) -> Prompt:
    return place(tiny_model.prompts()[number], decoder.shape)


def tokens(ticket: Any) -> list[int]:
    return [event for event in ticket.follow() if not isinstance(event, Waiting)]


def test_many_at_once_get_what_each_would_get_alone(decoder: Decoder, scheduler: Scheduler) -> None:
    alone = [tokens(scheduler.submit(prompt(decoder, n), 25, GREEDY)) for n in range(9)]
    together = [scheduler.submit(prompt(decoder, n), 25, GREEDY) for n in range(9)]
    assert [tokens(ticket) for ticket in together] == alone
    assert len(decoder.cache.places._lent) == 0


def test_an_answer_ends_where_the_model_ends_it(decoder: Decoder) -> None:
    expected = Scheduler(decoder)
    made = tokens(expected.submit(prompt(decoder, 6), 30, GREEDY))
    expected.close()
    # What the model said at some point becomes its end, so that the answer stops before.
    ending = made[3]
    object.__setattr__(decoder.shape, "end", ending)
    try:
        scheduler = Scheduler(decoder)
        assert tokens(scheduler.submit(prompt(decoder, 6), 30, GREEDY)) == made[: made.index(ending)]
        scheduler.close()
    finally:
        object.__setattr__(decoder.shape, "end", tiny_model.CONFIG["eos_token_id"])


def test_those_who_wait_hear_their_place_and_come_in_order(decoder: Decoder, scheduler: Scheduler) -> None:
    held = Held(decoder)
    first = [scheduler.submit(prompt(decoder, n), 5, GREEDY) for n in range(4)]
    while not all(ticket.made for ticket in first):
        held.gate.release()
    waiting = [scheduler.submit(prompt(decoder, n), 5, GREEDY) for n in range(3)]
    told = [next(ticket.follow()) for ticket in waiting]
    assert told == [Waiting(0), Waiting(1), Waiting(2)]
    held.open()


def test_a_full_line_takes_nobody(decoder: Decoder) -> None:
    held = Held(decoder)
    scheduler = Scheduler(decoder, longest_line=1)
    first = [scheduler.submit(prompt(decoder, 0), 50, GREEDY)]
    # Four are decoded together, one waits.
    while len(first) < 5:
        with contextlib.suppress(LineFullError):
            first.append(scheduler.submit(prompt(decoder, 0), 50, GREEDY))
        held.gate.release()
    with pytest.raises(LineFullError):
        scheduler.submit(prompt(decoder, 0), 50, GREEDY)
    held.open()
    scheduler.close()


def test_who_leaves_frees_the_place(decoder: Decoder, scheduler: Scheduler) -> None:
    leaver = scheduler.submit(prompt(decoder, 1), 900, GREEDY)
    follow = leaver.follow()
    while isinstance(next(follow), Waiting):
        pass
    # There is room for one such request only: the next one begins when the first one's places are free.
    next_one = scheduler.submit(prompt(decoder, 2), 900, GREEDY)
    follow.close()  # type: ignore[attr-defined]
    assert len(tokens(next_one)) > 0
    assert leaver.made < 900


def test_a_prompt_longer_than_the_cache_is_refused_at_once(decoder: Decoder, scheduler: Scheduler) -> None:
    long = place([7] * 1100 + [decoder.shape.gmask, decoder.shape.begin], decoder.shape)
    with pytest.raises(TooLongError, match=r"1102 tokens; 1022 fit"):
        scheduler.submit(long, 5, GREEDY)


def test_memory_that_runs_out_costs_one_request_and_no_other(
    torch: Any, decoder: Decoder, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = decoder.begin

    def small(slot: int, given: Prompt, *more: Any) -> int:
        if len(given) > 30:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return begin(slot, given, *more)

    monkeypatch.setattr(decoder, "begin", small)
    with pytest.raises(TooLongError, match=r"too small for 31 tokens"):
        tokens(scheduler.submit(prompt(decoder, 4), 5, GREEDY))
    assert len(tokens(scheduler.submit(prompt(decoder, 1), 5, GREEDY))) == 5
    assert len(decoder.cache.places._lent) == 0


def test_a_kernel_that_fails_is_told_to_all_and_to_the_one_in_charge(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(count: int) -> Pending:
        raise RuntimeError("an illegal memory access was encountered")

    heard: list[Exception] = []
    told = threading.Event()
    scheduler = Scheduler(decoder, failed=lambda error: (heard.append(error), told.set())[0])
    monkeypatch.setattr(decoder, "launch", fail)
    with pytest.raises(GuestError, match="illegal memory access"):
        tokens(scheduler.submit(prompt(decoder, 1), 5, GREEDY))
    assert told.wait(HANG_SECONDS)
    assert [str(error) for error in heard] == ["an illegal memory access was encountered"]
    with pytest.raises(GuestError, match="starts again"):
        scheduler.submit(prompt(decoder, 1), 5, GREEDY)


def test_another_prefix_is_served_without_reading_the_model_again(
    torch: Any, decoder: Decoder, scheduler: Scheduler, tmp_path: Any
) -> None:
    from guest.engine.prefix import load_prefix

    tiny_model.write_checkpoint(tmp_path)
    plain = tokens(scheduler.submit(prompt(decoder, 5), 20, GREEDY))
    scheduler.use_prefix(load_prefix(tmp_path, decoder.shape, "cpu", torch.float32))
    assert tokens(scheduler.submit(prompt(decoder, 5), 20, GREEDY)) != plain
    scheduler.use_prefix(None)
    assert tokens(scheduler.submit(prompt(decoder, 5), 20, GREEDY)) == plain


def test_places_are_lent_first_fit_and_taken_back() -> None:
    places = Places(10)
    spans = [places.lend(4), places.lend(4)]
    assert [span.start for span in spans if span] == [0, 4]
    assert places.lend(3) is None
    assert spans[0] is not None
    places.take_back(spans[0])
    again = places.lend(3)
    assert again is not None
    assert again.start == 0
