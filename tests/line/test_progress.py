"""What a machine waits for, in words."""

from __future__ import annotations

import pytest

from line.progress import describe, waits_words
from words import speaking


@pytest.mark.parametrize(
    ("why", "english", "chinese"),
    [
        ("has not come yet", "waits for the second stage, which has not come yet", "第二阶段（尚未收到）"),
        (
            "came broken and was thrown away",
            "which came broken and was thrown away",
            "第二阶段（收到的已损坏，已丢弃）",
        ),
        ("is there, but a file of it cannot be replaced", "waits for a file of the second stage", "第二阶段的某个文件"),
    ],
)
def test_the_second_stage_is_waited_for_in_the_readers_language_without_its_hash(
    why: str, english: str, chinese: str
) -> None:
    status = {"waitsFor": f"second stage {'0' * 64} {why}", "steps": []}
    assert english in waits_words(status)
    assert "0000" not in describe(status)
    with speaking("zh"):
        assert chinese in waits_words(status)


def test_what_else_is_waited_for_is_said_as_the_machine_says_it() -> None:
    assert waits_words({"waitsFor": "somebody"}) == "waits for somebody"
    assert waits_words({"waitsFor": None}) == waits_words({}) == ""
