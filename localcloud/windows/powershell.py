r"""Reading a PowerShell command line. Nothing here, and nothing in the local guest, runs PowerShell.

A client of the machine starts `powershell.exe` in a few fixed forms. This module takes such a line apart far enough to
tell which file or script text it is about; `console.py` decides which of these it can stand in for.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from localcloud.windows.world.inside.command_line import split

_PROGRAM = re.compile(r"^(.*[\\/])?powershell(\.exe)?$", re.IGNORECASE)
_SWITCHES = ("noprofile", "noninteractive", "nologo", "sta", "mta", "noexit")
_WITH_VALUE = ("executionpolicy", "windowstyle", "inputformat", "outputformat", "version", "configurationname")
_ALIASES = {"ep": "executionpolicy", "ex": "executionpolicy", "ec": "encodedcommand", "e": "encodedcommand"}


@dataclass(frozen=True)
class FileCall:
    """`powershell -File PATH ARGUMENTS`."""

    path: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class ScriptCall:
    """`powershell -EncodedCommand ...` or `-Command ...`; errors of an encoded one come as CLIXML on stderr."""

    text: str
    encoded: bool


def read_powershell(line: str) -> FileCall | ScriptCall | None:
    """What `line` asks PowerShell for; None when it does not start PowerShell or cannot be understood."""
    words = split(line)
    if not words or not _PROGRAM.match(words[0]):
        return None
    position = 1
    while position < len(words):
        option = _option(words[position])
        rest = words[position + 1 :]
        match option:
            case "file":
                return FileCall(rest[0], tuple(rest[1:])) if rest else None
            case "encodedcommand":
                return _encoded(rest[0]) if rest else None
            case "command":
                return ScriptCall(" ".join(rest), encoded=False) if rest else None
            case None:
                return ScriptCall(" ".join(words[position:]), encoded=False)
        position += 2 if option in _WITH_VALUE else 1
    return None


def _option(word: str) -> str | None:
    """The full name of an option; PowerShell takes every unambiguous beginning of it."""
    if not word.startswith(("-", "/")):
        return None
    name = word[1:].lower()
    if name in _ALIASES:
        return _ALIASES[name]
    known = ("file", "command", "encodedcommand", *_SWITCHES, *_WITH_VALUE)
    return next((full for full in known if name and full.startswith(name)), None)


def _encoded(text: str) -> ScriptCall | None:
    try:
        return ScriptCall(base64.b64decode(text, validate=True).decode("utf-16-le"), encoded=True)
    except (binascii.Error, UnicodeDecodeError):
        return None


def clixml_error(text: str) -> bytes:
    """An error record as PowerShell writes it to a redirected stderr for encoded commands."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "_x000D__x000A_")
    return (
        '#< CLIXML\r\n<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
        f'<S S="Error">{escaped}_x000D__x000A_</S></Objs>'
    ).encode()
