"""Collects every sentence that a person reads into the catalogue of `words/`, and compiles it.

    python -m tools.messages              # new sentences come in without a twin, those that are gone go out
    python -m tools.messages --untranslated

Sentences are the first arguments of `phrase(...)` and `later(...)`, the machine's troubles in its PowerShell, and what
the command `chatglm` shows as help. Then write the twins into `words/locale/zh/LC_MESSAGES/chatglm.po`, and run it
again.
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from typer.main import get_command

from localcloud.cli import app as local_cloud
from operate.app import app
from words import DOMAIN, FOLDER
from words.help import texts_of

ROOT = Path(__file__).parents[1]
ROOMS = ("words", "guest", "tencent", "line", "components", "localcloud", "rehearsal", "operate", "tools")
CALLS = ("phrase", "later")
#: A compiled catalogue of the same sentences is the same file, whenever it is made.
_NEVER = datetime(2026, 1, 1, tzinfo=UTC)
#: What puts its arguments before a person's eyes.
_SHOWS = (
    *("_say", "_progress", "log", "warn", "info", "append"),
    *("say", "show", "status", "add_row", "add_column", "confirm", "working", "rule_broken"),
    *("Symptom", "Verdict", "Delivery", "suspect", "_failed", "_give_up"),
)
#: What holds a sentence for a person: a variable or a document's key of that name.
_HOLDS = ("message", "hint", "why", "trouble")
#: Errors that never reach a person as they are: for programs that call, or caught where they are raised.
_INNER = ("ApiError", "CudaError", "CorruptPayloadError")
#: Words, and none of them a command that is to be typed.
_SENTENCE = re.compile(r"^(?!chatglm |pulumi ).*[A-Za-z]{2,} [a-z]{2,}", re.DOTALL)
_WHOLE = re.compile(r"^[A-Z][a-z]+ [a-z*].*[a-z*)]\.$", re.DOTALL)
#: Arguments whose texts `chatglm --help` shows, and those of the settings, which have twins of their own.
_OF_HELP = ("help", "description")
#: New-Trouble 'id' 'sentence' 'hint'; in single quotes a quote is written twice.
_TROUBLE = re.compile(r"New-Trouble '(?P<id>[^']+)' '(?P<form>(?:[^']|'')*)'(?: '(?P<hint>(?:[^']|'')*)')?")


@dataclass(frozen=True)
class Found:
    """A sentence and where it is said."""

    form: str
    place: str


def catalogue_file(language: str = "zh", ending: str = "po") -> Path:
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def collect() -> list[Found]:
    """Every sentence of the project. Raises SyntaxError for one that is not written out where it is said."""
    found = [one for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")) for one in of_python(file)]
    found += [one for file in sorted((ROOT / "templates").rglob("*.ps1.j2")) for one in of_powershell(file)]
    for program, commands in (("chatglm --help", app), ("localcloud --help", local_cloud)):
        found += [Found(text, program) for text in texts_of(get_command(commands))]
    return [one for one in found if one.form]


def of_python(file: Path) -> Iterator[Found]:
    """The sentences of a module: texts that are written out in full as first argument of one of CALLS."""
    place = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS and node.args):
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield Found(first.value, place)
        elif isinstance(first, ast.JoinedStr):
            raise SyntaxError(f"{place}:{node.lineno}: an f-string is filled in before it can be looked up")


def unsaid(file: Path) -> Iterator[Found]:
    """Sentences that reach a person without being in the catalogue, as far as that can be told.

    Told of: what errors of ours are made with, what is shown or put into a table, and whole sentences anywhere.
    """
    place = file.relative_to(ROOT).as_posix() if file.is_relative_to(ROOT) else file.name
    tree = ast.parse(file.read_text(encoding="utf-8"))
    passed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    shown: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in _OF_HELP:
            passed |= {id(each) for each in ast.walk(node.value)}
        shown |= {id(held) for held in _held(node)}
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in (*CALLS, "_option"):
            passed |= {id(each) for each in ast.walk(node)}
        elif name in _SHOWS or (name.endswith("Error") and not hasattr(builtins, name) and name not in _INNER):
            shown |= {id(given) for given in (*node.args, *(one.value for one in node.keywords))}
    for node in ast.walk(tree):
        text = _written(node)
        if id(node) not in passed and (_SENTENCE if id(node) in shown else _WHOLE).search(text):
            yield Found(text, f"{place}:{node.lineno}")  # type: ignore[attr-defined]


def _held(node: ast.AST) -> Iterator[ast.AST]:
    """What is kept under one of _HOLDS."""
    if isinstance(node, ast.Assign):
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        names += [target.attr for target in node.targets if isinstance(target, ast.Attribute)]
        if any(name.lstrip("_") in _HOLDS for name in names):
            yield node.value
    elif isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        yield from (value for key, value in pairs if isinstance(key, ast.Constant) and key.value in _HOLDS)


def _written(node: ast.AST) -> str:
    """The text of an expression, with a gap for what is filled in; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return ""


def of_powershell(file: Path) -> Iterator[Found]:
    """The troubles of a script of the machine, with their hints."""
    place = file.relative_to(ROOT).as_posix()
    for match in _TROUBLE.finditer(file.read_text(encoding="utf-8")):
        for text in (match["form"], match["hint"]):
            if text:
                yield Found(text.replace("''", "'"), place)


def places(form: str) -> list[str]:
    """The names of the places of a sentence, sorted, each as often as it stands there."""
    return sorted(re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(form) if name is not None)


def read() -> Catalog:
    with catalogue_file().open("rb") as opened:
        return read_po(opened, locale="zh", domain=DOMAIN)


def update(old: Catalog, found: list[Found]) -> Catalog:
    """Today's sentences with the twins that are known, in the order of their places."""
    new = Catalog(locale="zh", domain=DOMAIN, project="chatglm", fuzzy=False, header_comment="# Chinese of chatglm.")
    known = {message.id: message.string for message in old if message.id}
    where: dict[str, set[str]] = {}
    for one in found:
        where.setdefault(one.form, set()).add(one.place)
    for form in sorted(where, key=lambda form: (min(where[form]), form)):
        new.add(form, known.get(form, ""), locations=[(place, 0) for place in sorted(where[form])])
    return new


def po_bytes(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    # Without a header's dates and line numbers: they would change with every run, and quarrel at every merge.
    write_po(out, catalog, width=110, omit_header=True, include_lineno=False)
    header = b'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n"Language: zh\\n"\n\n'
    return header + out.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    plain = Catalog(locale="zh", domain=DOMAIN, fuzzy=False, creation_date=_NEVER, revision_date=_NEVER)
    for message in catalog:
        if message.id and message.string:
            plain.add(message.id, message.string)
    write_mo(out, plain)
    return out.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """Sentences without a twin, or whose twin has other places."""
    return [
        str(one.id)
        for one in catalog
        if one.id and (not one.string or (places(str(one.id)) != places(str(one.string)) and "{" in str(one.id)))
    ]


def main(
    only_list: Annotated[bool, typer.Option("--untranslated", help="List what has no twin; change nothing.")] = False,
) -> None:
    """Bring the catalogue up to date."""
    catalog = update(read(), collect())
    missing = untranslated(catalog)
    if only_list:
        typer.echo("\n".join(missing))
        return
    catalogue_file().write_bytes(po_bytes(catalog))
    catalogue_file(ending="mo").write_bytes(mo_bytes(catalog))
    typer.echo(f"{len(catalog)} sentences, {len(missing)} without a twin")


if __name__ == "__main__":
    typer.run(main)
