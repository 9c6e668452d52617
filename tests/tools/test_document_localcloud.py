"""The pages of the local cloud say what is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.document_localcloud import DOCUMENTS, render, table


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_page_is_current(document: Path) -> None:
    assert document.read_text(encoding="utf-8") == render(document), "run: python -m tools.document_localcloud"


def test_the_table_names_actions_and_resources() -> None:
    shown = table("resources", "functions")
    assert "`RunInstances`" in shown
    assert "`tencentcloud:Instance/instance:Instance`" in shown
