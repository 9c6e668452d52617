"""Every command of the documentation says whether a test runs it; both languages have the same commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.doc_blocks import LIST, UnmarkedBlockError, pages, read_blocks, render
from tools.twins import twin_of


def test_every_block_is_marked_and_the_list_is_current() -> None:
    assert LIST.read_text(encoding="utf-8") == render(), "run: python -m tools.doc_blocks"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_two_languages_have_the_same_commands_in_the_same_order(page: Path) -> None:
    english, chinese = read_blocks(page), read_blocks(twin_of(page))
    assert [(one.is_run, one.commands) for one in english] == [(one.is_run, one.commands) for one in chinese]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_reason_why_a_block_is_not_run_is_told_in_the_pages_language(page: Path) -> None:
    assert [one.reason for one in read_blocks(page) if re.search("[\u4e00-\u9fff]", one.reason)] == []
    reasons = [one.reason for one in read_blocks(twin_of(page)) if not one.is_run]
    assert [one for one in reasons if not re.search("[\u4e00-\u9fff]", one)] == []


def test_a_block_without_a_mark_is_told_with_its_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\ntext\n\n```sh\nls\n```\n", encoding="utf-8")
    with pytest.raises(UnmarkedBlockError, match=r"page\.md:5"):
        read_blocks(page)


def test_marks_hold_for_the_next_block_only_and_a_pages_mark_for_all(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: all of it -->\n# Title\n\n    ls\n\n<!-- run -->\n```sh\npwd  # here\n```\n\n    whoami\n",
        encoding="utf-8",
    )
    blocks = read_blocks(page)
    assert [(one.commands, one.is_run, one.reason) for one in blocks] == [
        ("ls", False, "all of it"),
        ("pwd", True, ""),
        ("whoami", False, "all of it"),
    ]


def test_the_page_tells_each_reason_in_both_languages() -> None:
    assert "| the keys are those of a person | 密钥是个人的 |" in render()
