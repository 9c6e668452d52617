"""The catalogue: each sentence has its twin, with the same places, and none reaches a person past it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import messages
from tools.messages import Found, of_python, places, unsaid, untranslated, update

#: Whose words are not ours to translate, or reach no person here.
OTHERS_WORDS = {
    "guest/rehearsal/": "plays upstream's programs, which speak English",
    "guest/serving/api": "answers programs in the form and the language of OpenAI's API",
    "guest/engine/kept.py": "lines of the demo's log",
    "guest/engine/shards.py": "lines of the demo's log",
    "components/bootstrap/unpack.py": "heard by the local cloud's own guest",
    "localcloud/": "answers as Tencent's API does; its command line is held by its help",
    "tools/": "for those who work on the project, in their workflows' logs",
}


def test_every_sentence_has_its_twin_with_the_same_places() -> None:
    assert untranslated(update(messages.read(), messages.collect())) == []


def test_the_catalogue_holds_todays_sentences_and_no_others() -> None:
    known = {str(one.id) for one in messages.read() if one.id}
    assert known == {one.form for one in messages.collect()}, "run: python -m tools.messages"


def test_what_is_compiled_is_what_is_written() -> None:
    compiled = messages.catalogue_file(ending="mo").read_bytes()
    assert compiled == messages.mo_bytes(messages.read()), "run: python -m tools.messages"


def test_no_sentence_reaches_a_person_past_the_catalogue() -> None:
    files = [file for room in messages.ROOMS for file in sorted((messages.ROOT / room).rglob("*.py"))]
    found = [one for file in files for one in unsaid(file) if not one.place.startswith(tuple(OTHERS_WORDS))]
    assert found == [], "word it with phrase(...)"


def test_twins_are_chinese() -> None:
    pairs = [(str(one.id), str(one.string)) for one in messages.read() if one.id]
    sentences = [(form, twin) for form, twin in pairs if re.search(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}", form)]
    assert [form for form, twin in sentences if not re.search("[\u4e00-\u9fff]", twin)] == []


@pytest.mark.parametrize(
    "code",
    [
        'raise OperateError("The stack is gone.")',
        'raise OperateError(f"The stack {name} is gone.", code)',
        'output.say("Sending the second stage")',
        'table.add_row(f"{one} is gone")',
        'self._notes.append(f"The machine does not take it: {error}")',
        'pulumi.log.info(f"{machine} parks itself")',
        'self.warn(f"The image {image} is left over. {again}")',
        'def why() -> str:\n    return f"The machine {name} is gone."',
        'Symptom("disk", False, f"{free} left on it")',
        'return Delivery(str(webhook), f"it answered {code} at once")',
        'message = f"The files are compared: {reason}"',
        'told = {"message": f"the files are compared: {reason}"}',
    ],
)
def test_a_sentence_past_the_catalogue_is_seen(code: str, tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(code, encoding="utf-8")
    assert len(list(unsaid(file))) == 1


@pytest.mark.parametrize(
    "code",
    [
        '"""A docstring of several words."""',
        'raise OperateError(phrase("The stack is gone."), phrase("Look at {name}.", name=f"The one of {x} here."))',
        'raise ValueError("not for people to read")',
        'run(["git", "log"], cwd="a b")',
        'option = typer.Option(help="The stack is named here.")',
        'message = phrase("The files are compared.")',
        'raise OperateError(error.message, "chatglm train DATASET")',
    ],
)
def test_what_is_worded_or_for_nobody_is_no_finding(code: str, tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(code, encoding="utf-8")
    assert list(unsaid(file)) == []


def test_a_sentence_that_is_filled_in_before_it_is_looked_up_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text('phrase(f"Run {name}")', encoding="utf-8")
    with pytest.raises(SyntaxError, match="before it can be looked up"):
        list(of_python(file))


def test_a_new_sentence_comes_in_untranslated_and_one_that_is_gone_goes_out() -> None:
    old = update(messages.read(), [Found("Machine", "a.py")])
    old.get("Machine").string = "机器"  # type: ignore[union-attr]
    new = update(old, [Found("Machine", "a.py"), Found("Brand new.", "b.py")])
    assert untranslated(new) == ["Brand new."]
    assert untranslated(update(new, [Found("Machine", "a.py")])) == []


def test_a_twin_with_other_places_counts_as_missing() -> None:
    catalog = update(messages.read(), [Found("Run {run} started", "a.py")])
    catalog.get("Run {run} started").string = "训练 {name} 已开始"  # type: ignore[union-attr]
    assert untranslated(catalog) == ["Run {run} started"]


def test_places_are_told_by_their_names_whatever_their_form() -> None:
    assert places("{count:,} of {total!r} {count}") == ["count", "count", "total"]
    assert places("{{no place}}") == []
