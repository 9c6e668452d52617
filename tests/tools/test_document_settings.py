"""The page of settings: written from the types, and whole in both languages."""

from __future__ import annotations

from components.settings import Settings
from components.settings_words import CHINESE
from tools.document_settings import PAGE, render

KEYS = {str(info.alias) for info in Settings.model_fields.values()}


def test_every_setting_has_its_words_in_both_languages_and_no_words_are_left_over() -> None:
    assert CHINESE.keys() == KEYS
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in CHINESE.values())


def test_the_page_is_what_the_types_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m tools.document_settings"


def test_bounds_choices_and_defaults_are_told() -> None:
    rows = {line.split("`")[1]: line for line in render().splitlines() if line.startswith("| `")}
    assert rows.keys() == KEYS
    assert '| `running`, `parked` | `"running"` |' in rows["state"]
    assert "| 1 to 100 | `100` |" in rows["bandwidthMbps"]
    assert "| secret | – |" in rows["adminPassword"]
