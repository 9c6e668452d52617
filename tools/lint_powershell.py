"""Checks the rendered PowerShell, since no Windows is at hand to run it: `python -m tools.lint_powershell`.

Every script of both stages, for a matrix of settings, must parse, be plain ASCII, use only what Windows PowerShell 5.1
has, check every download, write paths with backslashes, and call programs so that a warning on stderr does not end the
script.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tree_sitter
import tree_sitter_powershell
from rich.console import Console

from components.bootstrap.powershell import environment, minify
from components.bootstrap.render import render, scripts
from components.bootstrap.unpack import unpack_user_data
from line.packed import PACK
from line.rescue import LOOK
from tools.powershell_51 import ALLOWED
from tools.powershell_matrix import inputs, matrix

#: Script blocks of this project; `&` on anything else starts a program.
_OWN_BLOCKS = frozenset({"$Done", "$Do", "$Check", "$Serve", "$Part", "$Look"})
_NEWER_OPERATORS = frozenset({"&&", "||", "??", "??=", "?.", "?["})
_DOWNLOADERS = re.compile(
    r"WebClient|HttpClient|WebRequest|Start-BitsTransfer|bitsadmin|certutil|DownloadFile", re.IGNORECASE
)
_FORWARD_SLASH = re.compile(r"""[A-Za-z]:/(?!/)|\$(?:\w+|\{\w+\}|\(\w+\))/\w""")
#: Functions that compare the hash of what they fetch before they use it.
_COMPARING = frozenset({"Save-File", "Wait-SecondStage"})
_METADATA = "http://metadata.tencentyun.com/latest/meta-data/"
_CLOSING_TAG = "</powershell>"


@dataclass(frozen=True)
class Problem:
    """What is wrong, and where."""

    script: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.script}:{self.line}: {self.text}"


class Script:
    """A parsed script."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        self._bytes = text.encode("utf-8")
        language = tree_sitter.Language(tree_sitter_powershell.language())
        self._tree = tree_sitter.Parser(language).parse(self._bytes)
        self.functions = {self.read(node.named_children[0]) for node in self.nodes("function_statement")}

    def nodes(self, *kinds: str) -> Iterator[Any]:
        """All nodes of these kinds (all nodes without any), in the order of the text."""
        pending = [self._tree.root_node]
        while pending:
            node = pending.pop()
            if not kinds or node.type in kinds:
                yield node
            pending.extend(reversed(node.children))

    def read(self, node: Any) -> str:
        return self._bytes[node.start_byte : node.end_byte].decode("utf-8")

    def before(self, node: Any) -> str:
        return self._bytes[: node.start_byte].decode("utf-8")

    def problem(self, node: Any, text: str) -> Problem:
        return Problem(self.name, node.start_point[0] + 1, text)


def lint(name: str, text: str, functions: frozenset[str] = frozenset()) -> list[Problem]:
    """All problems of a script; `functions` are those that other scripts define for it."""
    script = Script(name, text)
    known = functions | script.functions
    problems = [*_characters(script), *_syntax(script)]
    for command in script.nodes("command"):
        problems += _command(script, command, known)
    problems += _strings(script)
    return problems


def _characters(script: Script) -> Iterator[Problem]:
    for number, line in enumerate(script.text.splitlines(), 1):
        if not line.isascii():
            yield Problem(script.name, number, "not plain ASCII; a Chinese Windows reads it in code page 936")
        if _CLOSING_TAG in line:
            yield Problem(script.name, number, "the closing tag of the user data would end it here")
        if _DOWNLOADERS.search(line):
            yield Problem(script.name, number, "downloads only through curl.exe, in the ways that are checked")


def _syntax(script: Script) -> Iterator[Problem]:
    for node in script.nodes():
        if node.type == "ERROR" or node.is_missing:
            yield script.problem(node, f"does not parse: {script.read(node)[:60]!r}")
        elif node.type in _NEWER_OPERATORS:
            yield script.problem(node, f"{node.type} is newer than 5.1")
        elif "here_string" in node.type:
            yield script.problem(node, "a here-string does not survive the shortening of the user data")
        elif node.type == "comment" and script.read(node).startswith("<#"):
            yield script.problem(node, "a block comment does not survive the shortening of the user data")


def _command(script: Script, command: Any, functions: frozenset[str] | set[str]) -> Iterator[Problem]:
    names = [child for child in command.children if child.type in ("command_name", "command_name_expr")]
    name = script.read(names[0])
    invoked = command.children[0].type == "command_invokation_operator"
    if invoked:
        operator = script.read(command.children[0])
        # A warning on stderr becomes an error record, which ends a script that stops at errors.
        is_safe = "$ErrorActionPreference = 'Continue'" in script.before(command)
        if operator == "&" and name not in _OWN_BLOCKS and not is_safe:
            yield script.problem(command, f"{name} is called bare; use Invoke-Native")
        return
    if name in functions:
        yield from _call(script, command, name)
        return
    if name not in ALLOWED:
        yield script.problem(command, f"{name} is not a known 5.1 command (see tools/powershell_51.py)")
        return
    elements = [child for child in command.children if child.type == "command_elements"]
    for parameter in (child for part in elements for child in part.children if child.type == "command_parameter"):
        if script.read(parameter)[1:] not in ALLOWED[name]:
            yield script.problem(
                parameter, f"{name} {script.read(parameter)} is not known (see tools/powershell_51.py)"
            )
    if name == "Start-Process" and "curl.exe" in script.read(command):
        yield script.problem(command, "curl.exe is only called through Invoke-Native")


def _call(script: Script, command: Any, name: str) -> Iterator[Problem]:
    """Downloads: curl only where a hash is compared, now or by the downloader, or for the metadata of the machine."""
    text, before = script.read(command), script.before(command)
    if name != "Invoke-Native":
        return
    is_compared = _enclosing_function(script, command) in _COMPARING
    if "curl.exe" in text and not (is_compared or ".part" in text or _METADATA in text or " -V" in text):
        yield script.problem(command, "this download has no hash")
    if "-noeula" in text and "Get-AuthenticodeSignature" not in before:
        yield script.problem(command, "the driver is run before its signature is checked")


def _enclosing_function(script: Script, node: Any) -> str:
    while node is not None and node.type != "function_statement":
        node = node.parent
    return script.read(node.named_children[0]) if node is not None else ""


def _strings(script: Script) -> Iterator[Problem]:
    for node in script.nodes("string_literal", "generic_token"):
        text = script.read(node)
        if _FORWARD_SLASH.search(text) and "://" not in text:
            yield script.problem(node, f"a path with forward slashes: {text}")


def all_scripts() -> dict[str, str]:
    """Every script in the forms in which it runs: as written, and shortened where it travels in the user data."""
    found = scripts()
    found["rescue/look.ps1"] = PACK + LOOK.read_text(encoding="utf-8")
    stub = environment().get_template("user_data.ps1.j2").render(payload="QUJD")
    found["user_data.ps1"] = stub
    found["user_data.ps1 (short)"] = minify(stub)
    for settings in matrix():
        first = unpack_user_data(render(inputs(settings)).user_data.encode("ascii"))
        found |= {
            f"{name} (short)": text.decode("utf-8") for name, text in first.files.items() if name.endswith(".ps1")
        }
    return found


def check_all() -> list[Problem]:
    """Problems of all scripts. Raises what rendering raises."""
    texts = all_scripts()
    functions = frozenset(name for path, text in texts.items() for name in Script(path, text).functions)
    return [problem for path, text in texts.items() for problem in lint(path, text, functions)]


def main() -> int:
    console = Console()
    problems = check_all()
    for problem in problems:
        console.print(str(problem), markup=False, highlight=False)
    if not problems:
        console.print(f"{len(all_scripts())} PowerShell scripts: no problem found")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
