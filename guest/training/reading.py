"""Reads a data set's values one by one: JSON lines, one JSON array, or CSV; what cannot be read is a mistake."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from guest.phrases import phrase
from guest.training import encoding, foreign
from guest.training.findings import Findings

# An array has to be held in memory as a whole; JSON lines are read one by one.
MAX_ARRAY_BYTES = 256 * 1024**2
MAX_LINE_BYTES = 64 * 1024**2

JSON_LINES, JSON_ARRAY, CSV = phrase("JSON lines"), phrase("JSON array"), "CSV"

_HEAD_BYTES = 1 << 16
_SAMPLE_BYTES = 1 << 16
_DELIMITERS = ",\t;|"
_CUT_HINT = phrase("The file breaks off: bring it here again, a transfer cut it.")
_LINES_HINT = phrase("Write one object a line (JSON lines), or put all objects into one array [ ... ].")
_MEND_HINT = phrase("Mend these lines.")
_BLANK = re.compile(r"\s*")


class Number:
    """Stands for any number: their values are not used, and one of 5,000 digits takes Python long to make."""


_NUMBER = Number()


class Repeated(dict[str, Any]):
    """An object in which a name stands twice; JSON keeps the last value only."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.names = sorted({name for name in names if names.count(name) > 1})


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Repeated(pairs)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=lambda _: _NUMBER,
    parse_float=lambda _: _NUMBER,
    parse_constant=lambda _: _NUMBER,
)


class Reader:
    """Yields (line number, value) of a file, and tells `findings` what cannot be read.

    `headers` are names of columns by which a table in CSV is told from any other text. `form` and `encoding` say what
    the file turned out to be.
    """

    def __init__(self, path: Path, findings: Findings, headers: tuple[frozenset[str], ...] = ()) -> None:
        self._path, self._findings, self._headers = path, findings, headers
        self._undecodable = bytearray()
        self._undecodable_lines: list[int] = []
        self.encoding = encoding.UTF8
        self.form = JSON_LINES

    def rows(self) -> Iterator[tuple[int, Any]]:
        with self._path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        if head.startswith(b"\xef\xbb\xbf"):
            self.encoding, head = encoding.UTF8_BOM, head[3:]
        found = foreign.recognise(head)
        if found is not None:
            self._findings.mistake(phrase("the file is {what}", what=found.what), hint=found.hint)
            return
        marked = encoding.name_by_mark(head)
        if marked is not None:
            self._not_utf8(marked, [])
            return
        delimiter = self._delimiter(head)
        if delimiter is not None:
            self.form = CSV
            yield from self._table_rows(delimiter)
        elif head.lstrip().startswith(b"["):
            self.form = JSON_ARRAY
            yield from self._array_rows()
        elif not self._is_spread(head):
            yield from self._line_rows()
        if self._undecodable:
            self._not_utf8(encoding.name_encoding(bytes(self._undecodable)), self._undecodable_lines)

    # JSON lines

    def _line_rows(self) -> Iterator[tuple[int, Any]]:
        for number, text in self._lines():
            if not text.strip():
                continue
            try:
                value, end = _DECODER.raw_decode(text, _BLANK.match(text).end())  # type: ignore[union-attr]
            except (ValueError, RecursionError) as error:
                self._broken(number, text, error)
                continue
            if text[end:].strip():
                self._findings.mistake(
                    phrase("more follows after the first value of the line"), number, hint=_LINES_HINT, key="extra"
                )
                continue
            yield number, value

    def _is_spread(self, head: bytes) -> bool:
        """Whether the first object goes over several lines; then that is the one mistake."""
        text = head.decode("utf-8", "ignore")
        start = _BLANK.match(text).end()  # type: ignore[union-attr]
        first = text[start:].split("\n", 1)[0]
        if not text[start:].startswith("{") or _parses(first):
            return False
        number = text.count("\n", 0, start) + 1
        try:
            value, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            # Too long for a look at the beginning, or broken: an open brace alone on its line says enough.
            if first.strip() != "{":
                return False
            value, end = None, start
        if "\n" not in text[start:end].strip() and value is not None:
            return False
        inner = [name for name, held in (value or {}).items() if _is_rows(held)] if isinstance(value, dict) else []
        if inner:
            tell_wrapped(self._findings, inner[0], number)
        else:
            self._findings.mistake(phrase("an object is spread over several lines"), number, hint=_LINES_HINT)
        return True

    # One array

    def _array_rows(self) -> Iterator[tuple[int, Any]]:
        if self._path.stat().st_size > MAX_ARRAY_BYTES:
            self._findings.mistake(
                phrase(
                    "a JSON array of more than {limit:,} bytes is read into memory as a whole",
                    limit=MAX_ARRAY_BYTES,
                ),
                hint=phrase("Write it as JSON lines, one object a line."),
            )
            return
        text = self._whole_text()
        if text is None:
            return
        place = _Place(text, text.index("[") + 1)
        expected = False  # whether a comma must come before the next row
        while True:
            place.skip_blanks()
            if place.at_end():
                self._findings.mistake(phrase("the array has no end: ']' is missing"), place.line, hint=_CUT_HINT)
                return
            if place.char() == "]":
                break
            if place.char() == ",":
                if not expected:
                    self._findings.mistake(phrase("a comma stands where a row should"), place.line, hint=_MEND_HINT)
                place.position += 1
                expected = False
                continue
            if expected:
                self._findings.mistake(phrase("a comma is missing between two rows"), place.line, hint=_MEND_HINT)
            try:
                row, end = _DECODER.raw_decode(text, place.position)
            except (ValueError, RecursionError) as error:
                self._broken(place.line, text[place.position :], error)
                return
            yield place.line, row
            place.position, expected = end, True
        place.position += 1
        place.skip_blanks()
        if not place.at_end():
            self._findings.mistake(
                phrase("more follows after the end of the array"),
                place.line,
                hint=phrase("Put all rows into one array."),
            )

    def _whole_text(self) -> str | None:
        raw = self._path.read_bytes()
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            for number, line in enumerate(raw.split(b"\n"), start=1):
                self._decode(number, line)
            return None

    # CSV

    def _delimiter(self, head: bytes) -> str | None:
        """The sign between the columns when the first line is a table's header, else None."""
        line = next((line for line in head.decode("utf-8", "replace").splitlines() if line.strip()), "")
        if line.lstrip().startswith(("{", "[")):
            return None
        for delimiter in _DELIMITERS:
            try:
                names = {name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])}
            except csv.Error:
                continue
            if any(wanted <= names for wanted in self._headers):
                return delimiter
        if self._path.suffix.lower() in (".csv", ".tsv") and line:
            return max(_DELIMITERS, key=line.count)
        return None

    def _table_rows(self, delimiter: str) -> Iterator[tuple[int, Any]]:
        csv.field_size_limit(MAX_LINE_BYTES)
        table = csv.reader((text for _, text in self._lines()), delimiter=delimiter, strict=True)
        names: list[str] = []
        line = 1
        try:
            for cells in table:
                if not any(cell.strip() for cell in cells):
                    pass
                elif not names:
                    names = [cell.strip() for cell in cells]
                    if len(set(names)) < len(names):
                        self._findings.mistake(
                            phrase("two columns of the header have the same name"), line, hint=_MEND_HINT
                        )
                        return
                elif len(cells) != len(names):
                    self._findings.mistake(
                        phrase("a row has another number of cells than the header ({count})", count=len(names)),
                        line,
                        hint=phrase("Put cells with commas or line ends into double quotes."),
                    )
                else:
                    yield line, dict(zip(names, cells, strict=True))
                line = table.line_num + 1
        except csv.Error as error:
            self._findings.mistake(phrase("not CSV ({error})", error=error), line, hint=_MEND_HINT)

    # Lines and characters

    def _lines(self) -> Iterator[tuple[int, str]]:
        with self._path.open("rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
                if len(raw) > MAX_LINE_BYTES:
                    self._findings.mistake(
                        phrase("a line has more than {limit:,} bytes", limit=MAX_LINE_BYTES),
                        number,
                        hint=_LINES_HINT,
                    )
                    return
                text = self._decode(number, raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
                if text is not None:
                    yield number, text

    def _decode(self, number: int, raw: bytes) -> str | None:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self._undecodable_lines.append(number)
            if len(self._undecodable) < _SAMPLE_BYTES:
                self._undecodable += raw[:_SAMPLE_BYTES]
            return None

    def _not_utf8(self, name: str, lines: list[int]) -> None:
        self.encoding = name
        known = name != encoding.UNKNOWN
        rule = phrase("not UTF-8 text{more}", more=phrase("; it looks like {name}", name=name) if known else "")
        hint = (
            phrase(
                "Convert it: iconv -f {codec} -t UTF-8, or save it as UTF-8 in the editor.",
                codec=encoding.codec_of(name),
            )
            if known
            else phrase("Save it as UTF-8; a binary file is not a data set.")
        )
        if not lines:
            self._findings.mistake(rule, hint=hint)
        for line in lines:
            self._findings.mistake(rule, line, hint=hint)

    def _broken(self, line: int, text: str, error: Exception) -> None:
        reason, hint = _explain(text, error)
        self._findings.mistake(phrase("not JSON ({reason})", reason=reason), line, hint=hint, key=f"json {reason}")


def tell_wrapped(findings: Findings, name: str, line: int) -> None:
    """The mistake of a file that is one object with the rows in its list `name`."""
    findings.mistake(
        phrase("the rows lie in '{name}' of one object", name=name),
        line,
        hint=phrase("Take them out: jq -c '.[\"{name}\"][]' FILE > rows.jsonl.", name=name),
    )


class _Place:
    """Where the reading of an array is, and the line of that."""

    def __init__(self, text: str, position: int) -> None:
        self._text, self.position = text, position
        self._seen, self._line = 0, 1

    @property
    def line(self) -> int:
        self._line += self._text.count("\n", self._seen, self.position)
        self._seen = self.position
        return self._line

    def skip_blanks(self) -> None:
        self.position = _BLANK.match(self._text, self.position).end()  # type: ignore[union-attr]

    def at_end(self) -> bool:
        return self.position >= len(self._text)

    def char(self) -> str:
        return self._text[self.position]


def _explain(text: str, error: Exception) -> tuple[str, str]:
    """The reason why `text` is not JSON, and what to do."""
    if isinstance(error, RecursionError):
        return phrase("nested too deeply"), _MEND_HINT
    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
    text = text.lstrip()
    if text.startswith("\ufeff"):
        return phrase("a byte order mark inside the file"), phrase(
            "Files were joined: remove the mark, or join them without."
        )
    if re.match(r"[{\[]\s*'", text):
        return phrase("single quotes, as Python prints them"), phrase(
            "JSON has double quotes: write it with json.dumps."
        )
    if not text.startswith(("{", "[", '"')):
        return phrase("plain text"), phrase(
            "A data set is JSON lines, a JSON array, or CSV whose header names the columns."
        )
    ends_early = reason.startswith(("Unterminated string", "Expecting")) and _is_at_end(error)
    return reason, _CUT_HINT if ends_early and not text.endswith("\n") else _MEND_HINT


def _is_at_end(error: Exception) -> bool:
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.msg.startswith("Unterminated string") or not error.doc[error.pos :].strip()


def _parses(text: str) -> bool:
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)
