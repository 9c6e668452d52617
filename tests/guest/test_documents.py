"""Documents and their versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from guest.documents import read_document, write_document
from guest.errors import GuestError


def test_a_document_says_its_version_and_is_read_without_it(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    write_document(file, {"state": "running"})
    assert json.loads(file.read_text()) == {"schema": 1, "state": "running"}
    assert read_document(file) == {"state": "running"}


def test_one_from_before_there_were_versions_is_of_the_first(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text('{"state": "running"}')
    assert read_document(file) == {"state": "running"}


@pytest.mark.parametrize("text", [None, "", '{"sta', "[]"])
def test_what_is_no_document_is_none(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "one.json"
    if text is not None:
        file.write_text(text)
    assert read_document(file) is None


@pytest.mark.parametrize("version", [2, 0, "1", None, True, 1.5])
def test_a_version_that_is_not_known_is_told_in_plain_words(tmp_path: Path, version: Any) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"schema": version}))
    with pytest.raises(GuestError, match="was written by another version of this project") as caught:
        read_document(file)
    assert "pulumi up" in caught.value.hint
