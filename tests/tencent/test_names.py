"""Names and tags by which a stack finds its own again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tencent.names import image_name, parse_image_name


@given(st.from_regex(r"[a-z][a-z0-9-]{0,70}", fullmatch=True), st.integers(1, 99999))
def test_an_image_name_fits_tencents_60_characters_and_tells_generation_and_machine(stack: str, number: int) -> None:
    name = image_name(stack, number, "ins-0a1b2c3d")
    assert len(name) <= 60
    assert parse_image_name(name) == (number, "ins-0a1b2c3d")


def test_a_name_of_another_make_tells_nothing() -> None:
    assert parse_image_name("my own image") == (0, "")
