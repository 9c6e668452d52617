"""Chinese and English pages are of equal rank: each has its twin, and the twins say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from rehearsal.engine import ROOT
from tools.twins import BOTH_IN_ONE, Twins, differences, faults, twin_of, twins


@pytest.mark.parametrize("pair", twins(), ids=lambda pair: pair.english.name)
def test_every_page_has_a_twin_that_says_the_same(pair: Twins) -> None:
    assert faults(pair) == []


@pytest.mark.parametrize("name", BOTH_IN_ONE)
def test_a_page_without_a_twin_says_everything_in_both_languages_itself(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not twin_of(ROOT / name).exists()
    chinese = sum("\u4e00" <= letter <= "\u9fff" for letter in text)
    assert chinese > 40


def test_every_chinese_page_belongs_to_an_english_one() -> None:
    known = {pair.chinese for pair in twins()}
    assert [page for folder in (ROOT, ROOT / "docs") for page in folder.glob("*.zh-CN.md") if page not in known] == []


@pytest.mark.parametrize(
    ("english", "chinese", "told"),
    [
        ("# A\n\n## B\n", "# 甲\n", "headings: [1, 2], in Chinese [1]"),
        ("# A\n\nat most 9.75 CNY\n", "# 甲\n\n至多 9.57 元\n", "figures: not in Chinese ['9.75']"),
        ("# A\n\n1,325 CNY for 176 hours\n", "# 甲\n\n176 小时\n", "not in Chinese ['1325']"),
        ("# A\n\n`chatglm\ncost` and `park`\n", "# 甲\n\n`chatglm cost`\n", "code: not in Chinese ['park']"),
        ("# A\n\n```sh\npulumi up  # go\n```\n", "# 甲\n\n```sh\npulumi down  # 走\n```\n", "blocks:"),
        ("# A\n\n    make up\n", "# 甲\n\n    make down\n", "blocks:"),
        ("# A\n\n| a |\n| - |\n| b |\n", "# 甲\n\n| a |\n| - |\n", "rows: [1, 1, 1], in Chinese [1, 1]"),
        ("# A\n\n- one\n- two\n", "# 甲\n\n- 一和二\n", "items: 2, in Chinese 1"),
        ("# A\n\n[more](b.md)\n", "# 甲\n\n见下\n", "links: not in Chinese ['b.md']"),
    ],
)
def test_what_one_of_them_lacks_is_told(english: str, chinese: str, told: str) -> None:
    assert told in " ".join(differences(english, chinese))


def test_words_comments_and_small_numbers_are_a_writers_own() -> None:
    english = "# A\n\n8 hours on a T4 ([more](b.md#how-to)), 1,325 CNY\n\n    make up    # go\n"
    chinese = "# 甲\n\nT4 上八小时（[另见](b.zh-CN.md#怎么做)），1325 元\n\n    make up    # 走\n"
    assert differences(english, chinese) == []


@pytest.fixture
def pair(tmp_path: Path) -> Twins:
    """Two short pages that are twins."""
    made = Twins(tmp_path / "page.md", tmp_path / "page.zh-CN.md")
    made.english.write_text("# A\n\n[中文](page.zh-CN.md)\n", encoding="utf-8")
    made.chinese.write_text("# 甲\n\n[English](page.md)\n", encoding="utf-8")
    return made


def test_a_page_without_a_twin_is_told(pair: Twins) -> None:
    assert faults(pair) == []
    pair.chinese.unlink()
    assert faults(pair) == ["page.md has no page.zh-CN.md beside it"]


def test_a_page_that_does_not_lead_to_its_twin_is_told(pair: Twins) -> None:
    pair.chinese.write_text("# 甲\n", encoding="utf-8")
    assert "each has to lead to the other" in " ".join(faults(pair))


def test_a_link_into_the_other_language_is_told_where_the_readers_own_has_that_page(pair: Twins) -> None:
    for name in ("other.md", "other.zh-CN.md", "both.md"):
        (pair.english.parent / name).write_text("# A\n", encoding="utf-8")
    with pair.english.open("a", encoding="utf-8") as page:
        page.write("\n[1](other.md) [2](both.md)\n")
    with pair.chinese.open("a", encoding="utf-8") as page:
        page.write("\n[1](other.md) [2](both.md)\n")
    assert faults(pair) == ["page.zh-CN.md leads its reader into the other language: other.md"]
