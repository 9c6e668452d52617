"""Two local clouds on one computer do not give their machines the same addresses."""

from __future__ import annotations

from itertools import islice

from localcloud.loopback import LoopbackRange, SharedRange


def first(held: LoopbackRange) -> str:
    return next(iter(held.addresses()))


def test_each_cloud_has_a_range_of_its_own_until_it_ends() -> None:
    one, two = LoopbackRange([]), LoopbackRange([])
    before = first(one)
    assert before != first(two)
    one.close()
    again = LoopbackRange([before])
    assert first(again) == before
    two.close()
    again.close()


def test_a_range_that_is_taken_meanwhile_is_replaced_by_another() -> None:
    held = LoopbackRange([])
    other = LoopbackRange([first(held)])
    assert first(other) != first(held)
    held.close()
    other.close()


def test_without_guests_addresses_are_always_the_same() -> None:
    assert list(islice(SharedRange().addresses(), 2)) == ["127.0.1.1", "127.0.1.2"]
    assert len(list(SharedRange().addresses())) == 253
