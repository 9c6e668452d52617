"""Mistakes in the stack's configuration, told all at once and in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi
from pydantic_core import PydanticCustomError

from words import phrase


@dataclass(frozen=True)
class Mistake:
    """One wrong setting: where it is, what was given, the rule, and what to do."""

    key: str
    value: str | None  # None for a secret or an absent value: it is then not shown
    rule: str
    fix: str

    def __str__(self) -> str:
        given = "" if self.value is None else phrase(" is {value!r}", value=self.value)
        return phrase("{title}: {told}", title=f"{self.key}{given}", told=f"{self.rule} {self.fix}")


class SettingsError(pulumi.RunError):
    """The configuration has mistakes; the text lists every one of them."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        count = len(self.mistakes)
        head = phrase("1 setting is wrong") if count == 1 else phrase("{count} settings are wrong", count=count)
        lines = "\n".join(f"  - {mistake}" for mistake in self.mistakes)
        super().__init__(
            phrase("{head}; nothing was changed and no cloud call was made:\n{lines}", head=head, lines=lines)
        )


def rule_broken(rule: str, fix: str) -> PydanticCustomError:
    """An error for a pydantic validator that carries the rule and the fix to the report."""
    return PydanticCustomError("rule", "{rule} {fix}", {"rule": rule, "fix": fix})
