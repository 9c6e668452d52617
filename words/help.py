"""The help of a command in the reader's language: every text of the tree of commands is worded in one place.

In the code a command's help is its docstring and its options' texts, in English. They are the keys of the catalogue,
paragraph by paragraph; examples are of one form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from words import language, later, phrase

#: What typer, and pydantic within it, say of a mistyped call; the longer of two that fit comes first.
_MISTYPED = (
    later("No such option: {option} (Possible options: {near})"),
    later("No such option: {option}"),
    later("No such command {name}. Did you mean {near}?"),
    later("No such command {name}."),
    later("Missing argument {name}."),
    later("Missing option {name}."),
    later("Missing command."),
    later("Invalid value for {name}: {why}"),
    later("Invalid value: {why}"),
    later("Option {name} requires an argument."),
    later("Got unexpected extra argument(s) ({given})"),
    later("Input should be a valid integer, unable to parse string as an integer"),
    later("Input should be a valid number, unable to parse string as a number"),
    later("Input should be greater than or equal to {ge}"),
    later("Input should be less than or equal to {le}"),
)

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_EXAMPLE = "Example: "
_OF_HELP = later("Show this message and exit.")
#: Before a sentence: the mark of an example, or the number in a line of the table of exit codes.
_LEAD = re.compile(rf"{_EXAMPLE}| *\d+  ")
#: Titles that typer itself puts over its frames, by the names of its constants.
_TITLES = {
    "ARGUMENTS_PANEL_TITLE": later("Arguments"),
    "OPTIONS_PANEL_TITLE": later("Options"),
    "COMMANDS_PANEL_TITLE": later("Commands"),
    "ERRORS_PANEL_TITLE": later("Error"),
    "ABORTED_TEXT": later("Aborted."),
    "DEFAULT_STRING": later("[default: {}]"),
    "ENVVAR_STRING": later("[env var: {}]"),
    "REQUIRED_LONG_STRING": later("[required]"),
    "RICH_HELP": later("Try [blue]'{command_path} {help_option}'[/] for help."),
}


def word(command: Any) -> None:
    """Word the help of a command of typer's and of all below it. Nothing to do for who reads English."""
    if language() == "en":
        return
    rich_utils: Any = import_module("typer.rich_utils")
    for name, title in _TITLES.items():
        setattr(rich_utils, name, phrase(title))
    rich_utils.Table = _folding(rich_utils.Table)
    rich_utils.Columns = _one_text
    rich_utils.rich_format_error = partial(_tell_error, rich_utils.rich_format_error)
    for one in _tree(command):
        one.get_usage = partial(_usage, one.get_usage)
        if option := one.get_help_option(one.context_class(one)):
            option.help = phrase(_OF_HELP)
        one.help = _worded(one.help)
        one.epilog = _worded(getattr(one, "epilog", None))
        for parameter in one.params:
            if getattr(parameter, "help", None):
                parameter.help = phrase(parameter.help)


def _folding(table: type[Table]) -> type[Table]:
    """The tables of the help with cells that break anywhere: a Chinese sentence has no blanks to break at."""

    class Folding(table):  # type: ignore[valid-type,misc]
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*cells, **options)
            for column in self.columns:
                column.overflow = "fold"

    return Folding


def _one_text(texts: list[Text]) -> Text:
    """An option's help, and what is said of its default, as one text: what typer puts side by side breaks nowhere."""
    return type(texts[0])(" ").join(texts)


def _usage(original: Callable[[Any], str], context: Any) -> str:
    return original(context).replace("Usage:", phrase("Usage:"), 1)


def _tell_error(original: Callable[[Any], None], error: Any) -> None:
    said = str(error.format_message())
    error.format_message = lambda: of_typer(said)
    original(error)


def of_typer(said: str) -> str:
    """What typer says of a mistyped call, in the reader's language; as it is where its form is not known."""
    for form in _MISTYPED:
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", re.escape(form))
        if match := re.fullmatch(pattern, said, re.DOTALL):
            return phrase(form, **{name: of_typer(part) for name, part in match.groupdict().items()})
    return said


def texts_of(command: Any) -> list[str]:
    """Every text of the help of a command and of all below it, as it is written; examples have none."""
    found: list[str] = []
    for one in _tree(command):
        for whole in (one.help, getattr(one, "epilog", None)):
            found += [form for lead, form in _paragraphs(whole or "") if lead != _EXAMPLE]
        found += [text for parameter in one.params if (text := getattr(parameter, "help", None))]
    return found


def _tree(command: Any) -> Iterator[Any]:
    yield command
    for below in getattr(command, "commands", {}).values():
        yield from _tree(below)


def _worded(text: str | None) -> str | None:
    if not text:
        return text
    return "\n\n".join(
        phrase("Example: {command}", command=form) if lead == _EXAMPLE else f"{lead}{phrase(form)}"
        for lead, form in _paragraphs(text)
    )


def _paragraphs(text: str) -> Iterator[tuple[str, str]]:
    """The paragraphs of a help text: what is no word of any language before each, and the sentence."""
    for paragraph in text.split("\n\n"):
        lead = match[0] if (match := _LEAD.match(paragraph)) else ""
        if form := paragraph.removeprefix(lead):
            yield lead, form
