"""The picture in docs/architecture.md and its twin is today's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.draw_rooms import PAGES, ROOMS, arrows, put_in


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_shows_the_imports_of_today(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert put_in(text) == text, "run: python -m tools.draw_rooms"


def test_every_arrow_runs_down() -> None:
    assert all(ROOMS.index(one) < ROOMS.index(other) for one, other in arrows())
    assert ("components", "tencent") in arrows()
