"""What a check finds: one finding a rule, with the lines that break it, however many they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from guest.phrases import phrase

LISTED_LINES = 8


@dataclass
class RowProblem:
    """One rule that rows break (or merely brush), with the lines where they do."""

    rule: str
    hint: str = ""
    lines: list[int] = field(default_factory=list)
    count: int = 0

    def __str__(self) -> str:
        return str(self.words)

    @property
    def words(self) -> str:
        """The rule, and the lines that break it."""
        if not self.lines:
            return self.rule
        more = self.count - len(self.lines)
        where = ", ".join(map(str, self.lines))
        if more:
            return phrase("lines {where} and {more} more: {rule}", where=where, more=more, rule=self.rule)
        if self.count > 1:
            return phrase("lines {where}: {rule}", where=where, rule=self.rule)
        return phrase("line {where}: {rule}", where=where, rule=self.rule)


class Findings:
    """Collects what forbids training (mistakes), what does not (warnings), and what was converted (notes)."""

    def __init__(self) -> None:
        self._mistakes: dict[str, RowProblem] = {}
        self._warnings: dict[str, RowProblem] = {}
        self._notes: dict[str, int] = {}

    def mistake(self, rule: str, line: int | None = None, *, hint: str = "", key: str | None = None) -> None:
        self._add(self._mistakes, rule, line, hint, key)

    def warning(self, rule: str, line: int | None = None, *, hint: str = "", key: str | None = None) -> None:
        self._add(self._warnings, rule, line, hint, key)

    def note(self, text: str) -> None:
        """Count a row to which `text` applies."""
        self._notes[text] = self._notes.get(text, 0) + 1

    def mistakes(self) -> list[RowProblem]:
        return list(self._mistakes.values())

    def warnings(self) -> list[RowProblem]:
        return list(self._warnings.values())

    def notes(self) -> list[str]:
        return [
            phrase("{count:,} rows: {told}", count=count, told=text)
            if count > 1
            else phrase("1 row: {told}", told=text)
            for text, count in self._notes.items()
        ]

    @staticmethod
    def _add(found: dict[str, RowProblem], rule: str, line: int | None, hint: str, key: str | None) -> None:
        finding = found.setdefault(key or rule, RowProblem(rule, hint))
        finding.count += 1
        if line is not None and len(finding.lines) < LISTED_LINES and line not in finding.lines:
            finding.lines.append(line)
