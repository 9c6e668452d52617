"""Sentences of the machine: English texts whose forms and parts survive copies, files and answers."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.phrases import KEY, Phrase, joined, phrase, said, with_phrases, without_phrases

RUN = phrase("There is no run named {name}.", name="a")


def test_a_phrase_is_its_english_sentence() -> None:
    assert RUN == "There is no run named a."
    assert json.dumps({"message": RUN}) == '{"message": "There is no run named a."}'


def test_braces_of_a_sentence_without_parts_stay() -> None:
    assert phrase('For example: {"step": "model"}') == 'For example: {"step": "model"}'


def test_a_document_tells_forms_and_parts_beside_the_sentences() -> None:
    told = with_phrases({"error": {"message": RUN, "hint": "", "code": 1}, "rows": [{"why": RUN}]})
    wire = {"form": "There is no run named {name}.", "parts": {"name": "a"}}
    assert told["error"] == {"message": RUN, "hint": "", "code": 1, KEY: {"message": wire}}
    assert told["rows"] == [{"why": RUN, KEY: {"why": wire}}]


def test_a_document_without_phrases_stays_as_it_is() -> None:
    document = {"state": "running", "steps": [{"name": "model"}], "percent": 5, "nothing": None}
    assert with_phrases(document) == document
    assert without_phrases(document) == document


def test_phrases_survive_a_file(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {"reason": phrase("it lacks {error}", error=RUN), "hint": "plain"})
    read = read_json(tmp_path / "run.json")
    assert read is not None
    assert set(read) == {"reason", "hint"}
    assert isinstance(read["reason"], Phrase)
    assert read["reason"] == "it lacks There is no run named a."
    assert with_phrases(read)[KEY]["reason"]["parts"]["error"]["form"] == "There is no run named {name}."


def test_what_an_error_says_stays_a_phrase_alone_and_as_a_part() -> None:
    error = GuestError(RUN, "Look again.")
    assert isinstance(said(error), Phrase)
    assert said(ValueError("plain", 1)) == "('plain', 1)"
    told = with_phrases({"why": phrase("it lacks {error}", error=error)})
    assert told["why"] == "it lacks There is no run named a."
    assert told[KEY]["why"]["parts"]["error"]["form"] == "There is no run named {name}."


def test_phrases_survive_copies() -> None:
    @dataclass
    class Held:
        text: str

    copied = asdict(Held(RUN))["text"]
    assert isinstance(copied, Phrase)
    assert copied.parts == {"name": "a"}
    assert isinstance(copy.deepcopy(RUN), Phrase)


def test_joined_sentences_stay_phrases() -> None:
    both = joined("; ", [RUN, "plain"])
    assert both == "There is no run named a.; plain"
    assert with_phrases({"m": both})[KEY]["m"]["parts"]["p0"]["form"] == "There is no run named {name}."


def test_a_damaged_form_in_a_file_leaves_the_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps({"reason": "x", KEY: {"reason": {"form": "{a} {b}", "parts": {"a": 1}}}}), encoding="utf-8"
    )
    assert read_json(tmp_path / "run.json") == {"reason": "x"}
