"""The words that a person reads, in the language that the person reads.

English sentences are the keys; `locale/` holds their twins. `python -m tools.messages` collects the keys and compiles
the twins, and a test fails on one that is missing. The compiled catalogue is committed, since Python's own gettext is
all that a clone with `requirements.txt` has to read it with.
"""

from __future__ import annotations

import gettext
import locale
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

from guest.phrases import wire

LANGUAGES = ("en", "zh")
#: Chooses the language for this project alone; else the locale does.
VARIABLE = "CHATGLM_LANG"
DOMAIN = "chatglm"
FOLDER = Path(__file__).parent / "locale"

#: In gettext's order.
_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_JOINED = re.compile(r"(?:\{p\d+\}|[^{}A-Za-z])*")
_chosen: ContextVar[str | None] = ContextVar("language", default=None)


def phrase(form: str, /, **parts: object) -> str:
    """The sentence `form` in the reader's language, with its parts in the places that have their names."""
    found = _twins(language()).get(form, form)
    return found.format(**parts) if parts else found


def later(form: str) -> str:
    """The sentence itself. Marks one that stands in a table, and is worded by `phrase` when it is told."""
    return form


def language() -> str:
    """The reader's language, one of LANGUAGES."""
    return _chosen.get() or choose(os.environ, _system_locale())


def choose(environment: Mapping[str, str], system: str = "") -> str:
    """The language that the environment asks for; `system` is the locale of a system that sets no variables."""
    wanted = environment.get(VARIABLE, "").strip().lower()
    if not wanted:
        wanted = next((value for name in _LOCALE_VARIABLES if (value := environment.get(name))), system).lower()
    return "zh" if wanted.startswith(("zh", "chinese")) else "en"


@cache
def _system_locale() -> str:
    # Windows tells its language by its own interface alone: "zh_CN" or "Chinese (Simplified)_China".
    return (locale.getlocale()[0] or "") if os.name == "nt" else ""


@contextmanager
def speaking(chosen: str) -> Iterator[None]:
    """Word everything within in this language, for what is written for readers of both."""
    token = _chosen.set(chosen)
    try:
        yield
    finally:
        _chosen.reset(token)


def in_each(word: Callable[[], str]) -> dict[str, str]:
    """The same words in each language, by its name: for those of whom nothing is known."""
    told = {}
    for one in LANGUAGES:
        with speaking(one):
            told[one] = word()
    return told


def worded(text: str) -> str:
    """A sentence of the machine's program that was said in this process, in the reader's language."""
    return _told(wire(text)) or phrase(text)


def heard(document: Mapping[str, Any], name: str = "message") -> str:
    """A sentence of the machine in the reader's language; as the machine said it where it is not in the catalogue.

    `document[name]` is the sentence in English, `document["phrases"][name]` its form and parts, if it has any. Of a
    trouble of PowerShell the `parts` are a list; its form is the one of the catalogue that makes the sentence of them.
    A part may be a sentence of the machine's Python, which has a form and parts of its own.
    """
    said = str(document.get(name) or "")
    twins = _twins(language())
    phrases, parts = document.get("phrases"), document.get("parts")
    if isinstance(phrases, Mapping) and (told := _told(phrases.get(name))):
        return told
    if isinstance(parts, list) and parts and (form := _form_of(said, [_plain(part) for part in parts])):
        return twins[form].format(*map(_part, parts))
    return phrase(said)


def _told(wire: object) -> str | None:
    """A form with parts, as they travelled, in words. Only a form of the catalogue is filled in: a machine may lie."""
    if not isinstance(wire, Mapping) or not isinstance(form := wire.get("form"), str):
        return None
    # What only joins sentences (`guest.phrases.joined`) is of no language.
    found = form if _JOINED.fullmatch(form) else _twins(language()).get(form)
    given = wire.get("parts")
    if found is None or not isinstance(given, Mapping):
        return None
    try:
        parts = {str(key): _part(part) for key, part in given.items()}
        return found.format(**parts) if parts else found
    except (LookupError, ValueError, AttributeError):
        return None


def _part(part: object) -> object:
    if isinstance(part, Mapping):
        return _told(part) or part.get("text")
    return _twins(language()).get(part, part) if isinstance(part, str) else part


def _plain(part: object) -> object:
    return part.get("text") if isinstance(part, Mapping) else part


class _Twins(gettext.GNUTranslations):
    """A compiled catalogue, of which the sentences themselves are wanted."""

    _catalog: dict[str, str]

    @property
    def sentences(self) -> Mapping[str, str]:
        return {form: twin for form, twin in self._catalog.items() if form}  # the empty one is the file's header


@cache
def _twins(chosen: str) -> Mapping[str, str]:
    """Each sentence's twin in a language; English ones are their own."""
    if chosen == "en":
        return {}
    with (FOLDER / chosen / "LC_MESSAGES" / f"{DOMAIN}.mo").open("rb") as file:
        return _Twins(file).sentences


def _form_of(said: str, parts: list[Any]) -> str | None:
    """The form, with numbers for places, that these parts make `said` of."""
    return next((form for form in _twins(language()) if "{0}" in form and _fill(form, parts) == said), None)


def _fill(form: str, parts: list[Any]) -> str | None:
    try:
        return form.format(*parts)
    except (LookupError, ValueError):
        return None
