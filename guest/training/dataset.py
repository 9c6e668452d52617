"""Checks a training file before hours are spent on it, and writes the clean copy that training reads.

A data set is JSON lines (one object a line), one JSON array of objects, or CSV, in UTF-8; rows of other usual forms are
converted (see `guest.training.samples`). Every mistake is reported at once, with its line numbers. The module runs on
the machine and on the operator's computer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guest.errors import GuestError
from guest.files import file_sha256
from guest.history import render
from guest.phrases import joined, phrase
from guest.training import encoding, tokens
from guest.training.columns import Columns
from guest.training.findings import Findings, RowProblem
from guest.training.reading import JSON_LINES, Reader

if TYPE_CHECKING:
    from guest.training.samples import Sample

MAX_BYTES = 2 * 1024**3

# Rows whose tokens are counted: more do not make the estimate better, and AdvertiseGen as a whole takes 105 s.
COUNTED_ROWS = 5_000

# The AdvertiseGen set of the recipe, recognised by its sizes (rows of train.json and dev.json) and its tag form.
ADVERTISEGEN_ROWS = (114_599, 1_070)

#: Rows that are compared with one another; a larger set has its repetitions among them.
_COMPARED_ROWS = 200_000
_REPEATED_SHARE = 0.1


@dataclass
class Report:
    """What a check found. Lengths are tokens; `mistakes` forbid training, `warnings` do not, `notes` tell conversions.

    `rows` are samples: a conversation has one for each of its answers.
    """

    name: str
    bytes: int = 0
    sha256: str = ""
    encoding: str = encoding.UTF8
    form: str = JSON_LINES
    rows: int = 0
    empty_rows: int = 0
    counted_rows: int = 0
    cut_prompts: int = 0
    cut_responses: int = 0
    longest_prompt: int = 0
    longest_response: int = 0
    lengths_are_exact: bool = False
    advertisegen: bool = False
    mistakes: list[RowProblem] = field(default_factory=list)
    warnings: list[RowProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "encoding": self.encoding,
            "form": self.form,
            "rows": self.rows,
            "emptyRows": self.empty_rows,
            "countedRows": self.counted_rows,
            "cutPrompts": self.cut_prompts,
            "cutResponses": self.cut_responses,
            "longestPrompt": self.longest_prompt,
            "longestResponse": self.longest_response,
            "lengths": "exact" if self.lengths_are_exact else tokens.ESTIMATE_NOTE,
            "advertiseGen": self.advertisegen,
            "mistakes": [str(finding) for finding in self.mistakes],
            "warnings": [str(finding) for finding in self.warnings],
            "notes": self.notes,
        }

    def raise_for_mistakes(self) -> None:
        """Raise one GuestError that lists every mistake, if there is any."""
        if not self.mistakes:
            return
        listed = joined("\n  ", (finding.words for finding in self.mistakes))
        hints = dict.fromkeys(finding.hint for finding in self.mistakes if finding.hint)
        raise GuestError(
            phrase("The data set {name} cannot be used:\n  {listed}", name=self.name, listed=listed), joined(" ", hints)
        )


def check(
    path: Path,
    columns: Columns | None = None,
    *,
    max_source_length: int = 128,
    max_target_length: int = 128,
    samples_per_step: int = 1,
    count_tokens: tokens.Counter | None = None,
    max_bytes: int = MAX_BYTES,
) -> Report:
    """Check the file at `path`; token counts are estimates unless `count_tokens` counts them.

    `samples_per_step` is how many samples one step of a training reads (batch size times accumulation); 1 for data
    that are not trained on. Never raises for what is in the file: the report's mistakes say it. Raises GuestError when
    there is no file.
    """
    columns = columns or Columns()
    report = Report(path.name, lengths_are_exact=count_tokens is not None)
    report.bytes = _size(path)
    findings = Findings()
    if report.bytes > max_bytes:
        findings.mistake(
            phrase("the file has {bytes:,} bytes; the limit is {max_bytes:,}", bytes=report.bytes, max_bytes=max_bytes),
            hint=phrase("Train on a part of it: 3000 steps of 16 samples read 48,000 rows only."),
        )
        report.mistakes = findings.mistakes()
        return report
    report.sha256 = file_sha256(path)
    judge = _Judge(findings, report, count_tokens or tokens.estimate_tokens)
    judge.source_room, judge.target_room = _room(max_source_length, max_target_length)
    source = _Source(path, columns, findings)
    for line, sample in source.samples():
        judge.see(line, sample)
    report.encoding, report.form = source.reader.encoding, source.reader.form
    judge.conclude(samples_per_step, source.unused, any_mistake=bool(findings.mistakes()))
    report.advertisegen = is_advertisegen(path.name, report.rows, judge.tagged_rows)
    report.mistakes, report.warnings, report.notes = findings.mistakes(), findings.warnings(), findings.notes()
    return report


def write_clean(path: Path, columns: Columns, target: Path) -> int:
    """Write the samples of a checked file to `target` as ASCII-escaped JSON lines and return their number.

    Prompts are written as the model is fed them, earlier turns and all: upstream renders an empty history in one way
    for training and in another for evaluation and chat. Only the columns that it needs are kept, and samples without
    prompt or answer are left out: its loader infers one type per column over the whole file, so that a column nobody
    uses could stop a training.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("w", encoding="ascii", newline="\n") as out:
        for _, sample in _Source(path, columns, Findings()).samples():
            if not _is_empty(sample):
                prompt = render(sample.history or (), sample.prompt or "")
                clean = {columns.prompt: prompt, columns.response: sample.response}
                out.write(json.dumps(clean, ensure_ascii=True) + "\n")
                written += 1
    return written


def is_advertisegen(name: str, rows: int, tagged_rows: int) -> bool:
    """Whether this is the AdvertiseGen set, to which upstream's published scores apply.

    No hash of it is published: its row counts with prompts made of tags (`类型#裤*版型#宽松`), or its name, decide.
    """
    if rows == 0 or tagged_rows < rows * 0.99:
        return False
    return rows in ADVERTISEGEN_ROWS or "advertisegen" in name.lower()


def _size(path: Path) -> int:
    if not path.exists():
        raise GuestError(
            phrase("There is no file {path}.", path=path),
            phrase("Check the path; a data set is a .json, .jsonl or .csv file."),
        )
    if not path.is_file():
        raise GuestError(
            phrase("{path} is not a file.", path=path),
            phrase("Name the data set itself, a .json, .jsonl or .csv file."),
        )
    return path.stat().st_size


def _room(max_source_length: int, max_target_length: int) -> tuple[int, int]:
    # Upstream keeps one place of the prompt and two of the answer for special tokens (ptuning/main.py).
    return max_source_length - 1, max_target_length - 2


def _is_empty(sample: Sample) -> bool:
    return not (sample.prompt or "").strip() or not (sample.response or "").strip()


class _Source:
    """The samples of a file."""

    def __init__(self, path: Path, columns: Columns, findings: Findings) -> None:
        # Not at the top: the machine's verbs must work before its packages are installed.
        from guest.training.samples import ALPACA_COLUMNS, Converter

        self._converter = Converter(columns, findings)
        self.reader = Reader(path, findings, (frozenset({columns.prompt, columns.response}), ALPACA_COLUMNS))

    @property
    def unused(self) -> set[str]:
        return self._converter.unused

    def samples(self) -> Iterator[tuple[int, Sample]]:
        for line, row in self.reader.rows():
            for sample in self._converter.samples(line, row):
                yield line, sample


class _Judge:
    """Holds every sample against the rules and counts what the report shows."""

    source_room = 0
    target_room = 0

    def __init__(self, findings: Findings, report: Report, count: tokens.Counter) -> None:
        self._findings, self._report, self._count = findings, report, count
        self._seen: set[int] = set()
        self._compared = self._repeated = 0
        self.tagged_rows = 0

    def see(self, line: int, sample: Sample) -> None:
        if _is_empty(sample):
            self._report.empty_rows += 1
            self._findings.warning(phrase("empty prompt or answer; such rows are left out"), line, key="empty")
            return
        self._report.rows += 1
        prompt, response = render(sample.history or (), sample.prompt or ""), sample.response or ""
        self.tagged_rows += "#" in (sample.prompt or "")
        self._compare(prompt, response)
        self._measure(prompt, response)

    def conclude(self, samples_per_step: int, unused: set[str], *, any_mistake: bool) -> None:
        report = self._report
        if not report.rows and not any_mistake:
            rule = phrase("every row is empty") if report.empty_rows else phrase("the file is empty")
            self._findings.mistake(rule, hint=phrase("It needs at least one row with a prompt and an answer."))
        if unused:
            names = ", ".join(f"'{name}'" for name in sorted(unused))
            self._findings.warning(phrase("text in {names} is not trained on; only the named columns are", names=names))
        self._warn_of_few(samples_per_step)
        self._warn_of_cuts()

    def _warn_of_few(self, samples_per_step: int) -> None:
        rows = self._report.rows
        if rows == 1:
            self._findings.warning(phrase("there is 1 row; a model learns it by heart and nothing else"))
        elif rows and len(self._seen) == 1:
            self._findings.warning(
                phrase("all {rows:,} rows are equal; a model learns them by heart and nothing else", rows=rows)
            )
        elif self._repeated >= _REPEATED_SHARE * max(self._compared, 1):
            self._findings.warning(
                phrase(
                    "{repeated:,} of {compared:,} rows repeat an earlier one",
                    repeated=self._repeated,
                    compared=self._compared,
                )
            )
        if 0 < rows < samples_per_step:
            self._findings.warning(
                phrase(
                    "{rows:,} rows are fewer than the {samples_per_step:,} samples of one step; every "
                    "step repeats rows",
                    rows=rows,
                    samples_per_step=samples_per_step,
                )
            )

    def _warn_of_cuts(self) -> None:
        report = self._report
        for count, what, room, option in (
            (report.cut_prompts, phrase("prompts"), self.source_room, "max_source_length"),
            (report.cut_responses, phrase("answers"), self.target_room, "max_target_length"),
        ):
            if count:
                rows = str(report.counted_rows)
                self._findings.warning(
                    phrase(
                        "{count} of {rows} {what} ({share:.1f} %) are longer than {room} tokens and get cut; "
                        "raise {option} to keep them whole",
                        count=count if report.lengths_are_exact else phrase("about {count}", count=count),
                        rows=rows if report.counted_rows == report.rows else phrase("the first {count}", count=rows),
                        what=what,
                        share=100 * count / report.counted_rows,
                        room=room,
                        option=option,
                    )
                )

    def _compare(self, prompt: str, response: str) -> None:
        if self._compared < _COMPARED_ROWS:
            self._compared += 1
            mark = hash((prompt, response))
            self._repeated += mark in self._seen
            self._seen.add(mark)

    def _measure(self, prompt: str, response: str) -> None:
        report = self._report
        if report.counted_rows >= COUNTED_ROWS:
            return
        report.counted_rows += 1
        source, target = self._count(prompt), self._count(response)
        report.cut_prompts += source > self.source_room
        report.cut_responses += target > self.target_room
        report.longest_prompt = max(report.longest_prompt, source)
        report.longest_response = max(report.longest_response, target)
