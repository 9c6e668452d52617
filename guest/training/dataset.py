"""Checks a training file before hours are spent on it, and writes the clean copy that training reads.

A data set is JSON lines (one object a line) or one JSON array of objects, in UTF-8. Every mistake is reported at
once, with its line numbers. The module runs on the machine and on the operator's computer.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.training import encoding, tokens

MAX_BYTES = 2 * 1024**3
# An array has to be held in memory as a whole; JSON lines are read one by one.
MAX_ARRAY_BYTES = 256 * 1024**2
LISTED_LINES = 8

# The AdvertiseGen set of the recipe, recognised by its sizes (rows of train.json and dev.json) and its tag form.
ADVERTISEGEN_ROWS = (114_599, 1_070)


@dataclass(frozen=True)
class Columns:
    """Names of the columns in every row; `history` holds the earlier turns as [question, answer] pairs."""

    prompt: str = "content"
    response: str = "summary"
    history: str | None = None

    def names(self) -> list[str]:
        return [name for name in (self.prompt, self.response, self.history) if name is not None]


@dataclass
class Finding:
    """One rule that rows break (or merely brush), with the lines where they do."""

    rule: str
    hint: str = ""
    lines: list[int] = field(default_factory=list)
    count: int = 0

    def __str__(self) -> str:
        if not self.lines:
            return self.rule
        more = self.count - len(self.lines)
        where = ", ".join(map(str, self.lines)) + (f" and {more} more" if more else "")
        return f"line{'s' if self.count > 1 else ''} {where}: {self.rule}"


@dataclass
class Report:
    """What a check found. Lengths are tokens; `mistakes` forbid training, `warnings` do not."""

    name: str
    bytes: int = 0
    sha256: str = ""
    encoding: str = encoding.UTF8
    rows: int = 0
    empty_rows: int = 0
    cut_prompts: int = 0
    cut_responses: int = 0
    longest_prompt: int = 0
    longest_response: int = 0
    lengths_are_exact: bool = False
    advertisegen: bool = False
    mistakes: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "encoding": self.encoding,
            "rows": self.rows,
            "emptyRows": self.empty_rows,
            "cutPrompts": self.cut_prompts,
            "cutResponses": self.cut_responses,
            "longestPrompt": self.longest_prompt,
            "longestResponse": self.longest_response,
            "lengths": "exact" if self.lengths_are_exact else tokens.ESTIMATE_NOTE,
            "advertiseGen": self.advertisegen,
            "mistakes": [str(finding) for finding in self.mistakes],
            "warnings": [str(finding) for finding in self.warnings],
        }

    def raise_for_mistakes(self) -> None:
        """Raise one GuestError that lists every mistake, if there is any."""
        if not self.mistakes:
            return
        listed = "\n".join(f"  {finding}" for finding in self.mistakes)
        hints = dict.fromkeys(finding.hint for finding in self.mistakes if finding.hint)
        raise GuestError(f"The data set {self.name} cannot be used:\n{listed}", " ".join(hints))


def check(
    path: Path,
    columns: Columns | None = None,
    *,
    max_source_length: int = 128,
    max_target_length: int = 128,
    count_tokens: tokens.Counter | None = None,
    max_bytes: int = MAX_BYTES,
) -> Report:
    """Check the file at `path`; token counts are estimates unless `count_tokens` counts them.

    Never raises for what is in the file: the report's mistakes say it. Raises GuestError when there is no file.
    """
    columns = columns or Columns()
    report = Report(path.name, lengths_are_exact=count_tokens is not None)
    report.bytes = _size(path)
    findings = _Findings()
    if report.bytes > max_bytes:
        findings.mistake(
            f"the file has {report.bytes:,} bytes; the limit is {max_bytes:,}",
            hint="Train on a part of it: 3000 steps of 16 samples read 48,000 rows only.",
        )
        report.mistakes = findings.mistakes()
        return report
    report.sha256 = file_sha256(path)
    reader = _Reader(path, findings)
    judge = _RowJudge(columns, findings, report, count_tokens or tokens.estimate_tokens)
    judge.source_room, judge.target_room = _room(max_source_length, max_target_length)
    for line, row in reader.rows():
        judge.see(line, row)
    report.encoding = reader.encoding
    judge.conclude(any_mistake=bool(findings.mistakes()))
    report.advertisegen = is_advertisegen(path.name, report.rows, judge.tagged_rows)
    report.mistakes, report.warnings = findings.mistakes(), findings.warnings()
    return report


def write_clean(path: Path, columns: Columns, target: Path) -> int:
    """Write the rows of a checked file to `target` as ASCII-escaped JSON lines and return their number.

    Only the named columns are kept, and rows without prompt or answer are left out: upstream's loader infers one
    type per column over the whole file, so that a column nobody uses could stop a training.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("w", encoding="ascii", newline="\n") as out:
        for _, row in _Reader(path, _Findings()).rows():
            if all((row[name] or "").strip() for name in (columns.prompt, columns.response)):
                out.write(json.dumps({name: row[name] for name in columns.names()}, ensure_ascii=True) + "\n")
                written += 1
    return written


def full_prompt(prompt: str, history: list[list[str]] | None) -> str:
    """The text that upstream feeds to the model for one row: earlier turns, numbered, then the question."""
    if history is None:
        return prompt
    turns = [*history, [prompt, ""]]
    return "\n".join(f"[Round {number}]\n问：{asked}\n答：{said}" for number, (asked, said) in enumerate(turns))


def is_advertisegen(name: str, rows: int, tagged_rows: int) -> bool:
    """Whether this is the AdvertiseGen set, to which upstream's published scores apply.

    No hash of it is published: its row counts with prompts made of tags (`类型#裤*版型#宽松`), or its name, decide.
    """
    if rows == 0 or tagged_rows < rows * 0.99:
        return False
    return rows in ADVERTISEGEN_ROWS or "advertisegen" in name.lower()


def file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _size(path: Path) -> int:
    if not path.exists():
        raise GuestError(f"There is no file {path}.", "Check the path; a data set is a .json or .jsonl file.")
    if not path.is_file():
        raise GuestError(f"{path} is not a file.", "Name the data set itself, a .json or .jsonl file.")
    return path.stat().st_size


def _room(max_source_length: int, max_target_length: int) -> tuple[int, int]:
    # Upstream keeps one place of the prompt and two of the answer for special tokens (ptuning/main.py).
    return max_source_length - 1, max_target_length - 2


class _Findings:
    """Collects findings, one per rule, however many lines break it."""

    def __init__(self) -> None:
        self._mistakes: dict[str, Finding] = {}
        self._warnings: dict[str, Finding] = {}

    def mistake(self, rule: str, line: int | None = None, *, hint: str = "", key: str | None = None) -> None:
        self._add(self._mistakes, rule, line, hint, key)

    def warning(self, rule: str, line: int | None = None, *, hint: str = "", key: str | None = None) -> None:
        self._add(self._warnings, rule, line, hint, key)

    def mistakes(self) -> list[Finding]:
        return list(self._mistakes.values())

    def warnings(self) -> list[Finding]:
        return list(self._warnings.values())

    @staticmethod
    def _add(found: dict[str, Finding], rule: str, line: int | None, hint: str, key: str | None) -> None:
        finding = found.setdefault(key or rule, Finding(rule, hint))
        finding.count += 1
        if line is not None and len(finding.lines) < LISTED_LINES:
            finding.lines.append(line)


class _Reader:
    """Yields (line number, JSON value) of a file, and tells `findings` what cannot be read."""

    def __init__(self, path: Path, findings: _Findings) -> None:
        self._path = path
        self._findings = findings
        self.encoding = encoding.UTF8

    def rows(self) -> Iterator[tuple[int, Any]]:
        with self._path.open("rb") as file:
            head = file.read(4096)
        if encoding.starts_as_utf16(head):
            self._not_utf8("UTF-16", None)
            return
        if head.startswith(b"\xef\xbb\xbf"):
            self.encoding, head = encoding.UTF8_BOM, head[3:]
        if head.lstrip().startswith(b"["):
            yield from self._array_rows()
        else:
            yield from self._line_rows()

    def _line_rows(self) -> Iterator[tuple[int, Any]]:
        with self._path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                text = self._decode(raw, number)
                if text is None or not text.strip():
                    continue
                if number == 1 and text.strip() == "{":
                    self._findings.mistake(
                        "an object is spread over several lines",
                        number,
                        hint="Write one object a line (JSON lines), or put all objects into one array [ ... ].",
                    )
                    return
                try:
                    yield number, json.loads(text)
                except (ValueError, RecursionError) as error:
                    self._broken(number, error)

    def _array_rows(self) -> Iterator[tuple[int, Any]]:
        if self._path.stat().st_size > MAX_ARRAY_BYTES:
            self._findings.mistake(
                f"a JSON array of more than {MAX_ARRAY_BYTES:,} bytes is read into memory as a whole",
                hint="Write it as JSON lines, one object a line.",
            )
            return
        text = self._decode(self._path.read_bytes(), None)
        if text is None:
            return
        decoder, position, line = json.JSONDecoder(), text.index("[") + 1, 1
        seen = 0
        while True:
            while position < len(text) and (text[position].isspace() or text[position] == ","):
                position += 1
            line, seen = line + text.count("\n", seen, position), position
            if position >= len(text):
                self._findings.mistake("the array has no end: ']' is missing", line, hint=_CUT_HINT)
                return
            if text[position] == "]":
                return
            try:
                row, position = decoder.raw_decode(text, position)
            except (ValueError, RecursionError) as error:
                self._broken(line, error)
                return
            yield line, row

    def _decode(self, raw: bytes, number: int | None) -> str | None:
        try:
            # The mark can stand at the very beginning only, where this strips it.
            return raw.decode("utf-8-sig" if number in (None, 1) else "utf-8")
        except UnicodeDecodeError as error:
            self._not_utf8(encoding.name_encoding(raw), number or raw.count(b"\n", 0, error.start) + 1)
            return None

    def _not_utf8(self, name: str, line: int | None) -> None:
        self.encoding = name
        known = name != "unknown"
        self._findings.mistake(
            f"not UTF-8 text{f'; it looks like {name}' if known else ''}",
            line,
            hint=f"Convert it: iconv -f {encoding.codec_of(name)} -t UTF-8, or save it as UTF-8 in the editor."
            if known
            else "Save it as UTF-8; a compressed or binary file is not a data set.",
            key=f"encoding {name}",
        )

    def _broken(self, line: int, error: Exception) -> None:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
        self._findings.mistake(f"not JSON ({reason})", line, hint=_CUT_HINT, key=f"json {reason}")


_CUT_HINT = "Mend these lines; a file that breaks off at its end was cut in transfer."


class _RowJudge:
    """Holds every row against the rules and counts what the report shows."""

    source_room = 0
    target_room = 0

    def __init__(self, columns: Columns, findings: _Findings, report: Report, count: tokens.Counter) -> None:
        self._columns = columns
        self._findings = findings
        self._report = report
        self._count = count
        self.tagged_rows = 0

    def see(self, line: int, row: Any) -> None:
        if not isinstance(row, dict):
            self._findings.mistake(f"a row must be an object {{...}}, not {_kind(row)}", line)
            return
        texts = [self._text(line, row, column) for column in (self._columns.prompt, self._columns.response)]
        history = self._history(line, row)
        prompt, response = texts
        if prompt is None or response is None:
            return
        if not prompt.strip() or not response.strip():
            self._report.empty_rows += 1
            self._findings.warning("empty prompt or answer; such rows are left out", line, key="empty")
            return
        self._report.rows += 1
        self.tagged_rows += "#" in prompt
        self._measure(full_prompt(prompt, history), response)

    def conclude(self, *, any_mistake: bool) -> None:
        report = self._report
        if not report.rows and not any_mistake:
            rule = "every row is empty" if report.empty_rows else "the file is empty"
            self._findings.mistake(rule, hint="It needs at least one row with a prompt and an answer.")
        about = "" if report.lengths_are_exact else "about "
        for count, what, room, option in (
            (report.cut_prompts, "prompts", self.source_room, "max_source_length"),
            (report.cut_responses, "answers", self.target_room, "max_target_length"),
        ):
            if count:
                share = 100 * count / report.rows
                self._findings.warning(
                    f"{about}{count} of {report.rows} {what} ({share:.1f} %) are longer than {room} tokens "
                    f"and get cut; raise {option} to keep them whole"
                )

    def _text(self, line: int, row: dict[str, Any], column: str) -> str | None:
        if column not in row:
            there = ", ".join(sorted(map(str, row))) or "none"
            self._findings.mistake(
                f"no column '{column}' (columns there: {there})",
                line,
                hint="Name the columns with prompt_column, response_column and history_column.",
                key=f"missing {column}",
            )
            return None
        value = row[column]
        if value is None:
            return ""
        if not isinstance(value, str):
            self._findings.mistake(f"column '{column}' must be text, not {_kind(value)}", line, key=f"type {column}")
            return None
        if not _is_encodable(value):
            self._findings.mistake(
                f"column '{column}' holds half of a character pair (\\ud800 to \\udfff alone)",
                line,
                key=f"surrogate {column}",
            )
            return None
        return value

    def _history(self, line: int, row: dict[str, Any]) -> list[list[str]] | None:
        column = self._columns.history
        if column is None:
            return None
        value = row.get(column)
        if isinstance(value, list) and all(_is_turn(turn) for turn in value):
            return value
        self._findings.mistake(
            f"column '{column}' must be a list of [question, answer] pairs (an empty list for a first turn)",
            line,
            key="history",
        )
        return None

    def _measure(self, prompt: str, response: str) -> None:
        report = self._report
        source, target = self._count(prompt), self._count(response)
        report.cut_prompts += source > self.source_room
        report.cut_responses += target > self.target_room
        report.longest_prompt = max(report.longest_prompt, source)
        report.longest_response = max(report.longest_response, target)


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, list) and len(turn) == 2 and all(isinstance(part, str) for part in turn)


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: Any) -> str:
    names = {list: "a list", dict: "an object", bool: "true or false", str: "text"}
    return "null" if value is None else names.get(type(value), "a number")
