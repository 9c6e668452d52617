"""The page of permissions says what the table says."""

from __future__ import annotations

from tools.document_permissions import DOCUMENT, render


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run: python -m tools.document_permissions"
