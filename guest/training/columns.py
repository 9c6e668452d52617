"""Which columns of a data set are trained on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """Names of the columns in every row; `history` holds the earlier turns as [question, answer] pairs."""

    prompt: str = "content"
    response: str = "summary"
    history: str | None = None

    def names(self) -> list[str]:
        return [name for name in (self.prompt, self.response, self.history) if name is not None]
