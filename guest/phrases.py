"""What the machine says to a person: an English sentence that remembers its form and its parts.

The form is the sentence's id. It travels with its parts in every document of the machine, beside the sentence itself,
and the operator's side words it (`words/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

#: The key of a document under which the forms and parts of its sentences stand, by their own keys.
KEY = "phrases"


class Phrase(str):
    """The sentence in English, a text like any other; `form` has `{names}` where its `parts` stand."""

    form: str
    parts: Mapping[str, object]

    def __new__(cls, form: str, parts: Mapping[str, object]) -> Phrase:
        made = super().__new__(cls, form.format(**parts) if parts else form)
        made.form, made.parts = form, parts
        return made

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]
        # Copies are phrases, too: `dataclasses.asdict` copies every value.
        return self.form, self.parts


def phrase(form: str, /, **parts: object) -> str:
    """The sentence `form` with its parts. `python -m tools.messages` finds the forms by this call."""
    return Phrase(form, parts)


def said(error: BaseException) -> str:
    """What an error says. A phrase stays one, of which `str(error)` would make a plain text in English."""
    return error.args[0] if len(error.args) == 1 and isinstance(error.args[0], Phrase) else str(error)


def joined(separator: str, texts: Iterable[str]) -> str:
    """Texts one after the other; each phrase among them stays one."""
    parts = {f"p{number}": text for number, text in enumerate(texts)}
    return Phrase(separator.join(f"{{{name}}}" for name in parts), parts)


def with_phrases(document: Any) -> Any:
    """A document in which each object tells, under KEY, the forms and parts of the sentences in it."""
    if isinstance(document, Mapping):
        told = {str(name): with_phrases(value) for name, value in document.items()}
        said = {str(name): wire(value) for name, value in document.items() if isinstance(value, Phrase)}
        return {**told, KEY: said} if said else told
    if isinstance(document, list | tuple):
        return [with_phrases(each) for each in document]
    return document


def without_phrases(document: Any) -> Any:
    """The document as it was before `with_phrases`, its sentences phrases again."""
    if isinstance(document, dict):
        said = document.get(KEY)
        told = {name: without_phrases(value) for name, value in document.items() if name != KEY or said is None}
        if isinstance(said, dict):
            told |= {name: made for name, one in said.items() if (made := _made(one)) is not None}
        return told
    if isinstance(document, list):
        return [without_phrases(each) for each in document]
    return document


def wire(text: str) -> Any:
    """A sentence's form and parts as JSON; null for a text that is nobody's phrase."""
    if not isinstance(text, Phrase):
        return None
    return {"form": text.form, "parts": {name: _part(value) for name, value in text.parts.items()}}


def _part(value: object) -> object:
    if isinstance(value, BaseException):
        value = said(value)
    if isinstance(value, Phrase):
        return {"text": str(value), **wire(value)}
    return value if isinstance(value, int | float) else str(value)


def _made(one: Any) -> Phrase | None:
    try:
        parts = {str(name): _made(part) if isinstance(part, dict) else part for name, part in one["parts"].items()}
        return Phrase(str(one["form"]), parts)
    except (TypeError, KeyError, AttributeError, ValueError, IndexError):
        return None
