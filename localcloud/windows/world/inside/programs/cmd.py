"""`cmd.exe /d /c "LINE"`: one program, with its output led to files (`>`, `>>`, `2>&1`)."""

from __future__ import annotations

import os
import re
import sys

from localcloud.windows.world.inside import command_line, starting
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.where import real

_REDIRECTION = re.compile(r'\s*(?P<number>[12]?)(?P<kind>>>|>)\s*(?P<target>&1|"[^"]+"|[^\s"]+)\s*$')


def main(call: Call) -> int:
    """The program's exit code, 1 where cmd itself gives up."""
    return run_line(_inner(call.rest))


def run_line(text: str) -> int:
    """Run what stands after `/c`, in a child, with its output where the line leads it."""
    found = []
    while match := _REDIRECTION.search(text):
        found.append(match)
        text = text[: match.start()]
    words = command_line.split(text)
    if not words:
        return 1
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        # From left to right: `>> log 2>&1` leads both to the log.
        for match in reversed(found):
            _lead(match)
        rest = text.strip()[len(words[0]) + 2 * text.strip().startswith('"') :].strip()
        os._exit(starting.main(["start", "-", "-", ".", words[0], rest]))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _lead(match: re.Match[str]) -> None:
    number = int(match["number"] or 1)
    if match["target"] == "&1":
        os.dup2(1, number)
        return
    how = os.O_APPEND if match["kind"] == ">>" else os.O_TRUNC
    target = os.open(real(match["target"].strip('"')), os.O_WRONLY | os.O_CREAT | how, 0o644)
    os.dup2(target, number)
    os.close(target)


def _inner(rest: str) -> str:
    """What stands after `/c`. Of a text that begins with a quote cmd strips the first and the last one."""
    match = re.match(r"(?:\s*/(?:d|s|q|v:on|e:on))*\s*/c\s+(.*)$", rest, re.IGNORECASE | re.DOTALL)
    inner = match[1].strip() if match else ""
    if not inner.startswith('"') or (inner.count('"') == 2 and inner.endswith('"') and " " not in inner):
        return inner
    before, _, after = inner[1:].rpartition('"')
    return before + after
