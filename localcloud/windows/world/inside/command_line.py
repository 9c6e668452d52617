"""Command lines as Windows has them: one text a process, taken apart by the program itself."""

from __future__ import annotations

from collections.abc import Sequence


class Call:
    """How a program was called: `rest` is the line behind the program's name, as it was given."""

    def __init__(self, program: str, arguments: list[str], rest: str) -> None:
        self.program = program
        self.arguments = arguments
        self.rest = rest


def split(line: str) -> list[str]:
    r"""Split as the Microsoft C runtime does for `argv` (quotes, backslashes before quotes, doubled quotes)."""
    words: list[str] = []
    position, length = 0, len(line)
    while position < length:
        while position < length and line[position] in " \t\r\n":
            position += 1
        if position >= length:
            break
        word: list[str] = []
        quoted = False
        while position < length and (quoted or line[position] not in " \t\r\n"):
            backslashes = 0
            while position < length and line[position] == "\\":
                backslashes += 1
                position += 1
            if position < length and line[position] == '"':
                word.append("\\" * (backslashes // 2))
                if backslashes % 2:
                    word.append('"')
                elif quoted and line[position + 1 : position + 2] == '"':
                    word.append('"')
                    position += 1
                else:
                    quoted = not quoted
                position += 1
            else:
                word.append("\\" * backslashes)
                if position < length and (quoted or line[position] not in " \t\r\n"):
                    word.append(line[position])
                    position += 1
        words.append("".join(word))
    return words


def join(arguments: Sequence[str]) -> str:
    """The line for these arguments, quoted by the rules of the Microsoft C runtime."""
    return " ".join(_quoted(argument) for argument in arguments)


def _quoted(argument: str) -> str:
    if argument and not set(argument) & set(' \t"'):
        return argument
    made, backslashes = '"', 0
    for letter in argument:
        if letter == "\\":
            backslashes += 1
            continue
        made += "\\" * (2 * backslashes + 1 if letter == '"' else backslashes) + letter
        backslashes = 0
    return made + "\\" * (2 * backslashes) + '"'
