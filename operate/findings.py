"""What a check found, in words: a line of `chatglm doctor`, with what to do where it is not well."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rich.table import Table
from rich.text import Text

from tencent.errors import CloudError, explain
from words import phrase


class Verdict(Enum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was checked, how it is, and what to do where it is not well."""

    check: str
    verdict: Verdict
    text: str
    advice: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"check": self.check, "verdict": self.verdict.value, "text": self.text, "advice": self.advice}


def ok(check: str, text: str) -> Finding:
    return Finding(check, Verdict.OK, text)


def warning(check: str, text: str, advice: str = "") -> Finding:
    return Finding(check, Verdict.WARNING, text, advice)


def failure(check: str, text: str, advice: str) -> Finding:
    return Finding(check, Verdict.FAILURE, text, advice)


def refused(check: str, error: CloudError) -> Finding:
    meaning, advice = explain(error.code)
    text = (
        phrase("{words} ({code}).", words=f"{meaning[0].upper()}{meaning[1:]}", code=error.code)
        if meaning
        else str(error)
    )
    return failure(
        check,
        text,
        phrase("{advice}.", advice=f"{advice[:1].upper()}{advice[1:]}")
        if advice
        else phrase("See Tencent's message above."),
    )


_STYLES = {Verdict.OK: ("✓", "green"), Verdict.WARNING: ("!", "yellow"), Verdict.FAILURE: ("✗", "red")}


def render(findings: Iterable[Finding]) -> Table:
    """One line a check, with what to do below it."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column()
    for one in findings:
        mark, style = _STYLES[one.verdict]
        table.add_row(Text(mark, style), Text(phrase(one.check), "bold"), Text(one.text))
        if one.advice and one.verdict is not Verdict.OK:
            table.add_row("", "", Text(f"→ {one.advice}", style))
    return table
