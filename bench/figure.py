"""One measured figure and how it is printed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`bar` is the bound that the figure keeps, from above or below by `limit`; None: told for its own sake."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    limit: str = "at most"
    origin: str = ""  # of a kept figure: date, commit and machine

    @property
    def kept(self) -> bool:
        if self.bar is None:
            return True
        return self.value <= self.bar if self.limit == "at most" else self.value >= self.bar

    def __str__(self) -> str:
        told = f"{self.name:<28} {self.value:>12.3f} {self.unit:<12}"
        if self.bar is not None:
            told = f"{told} {self.limit} {self.bar:g}" + ("" if self.kept else "  MISSED")
        return f"{told}  ({self.origin})" if self.origin else told.rstrip()


@dataclass(frozen=True)
class Note:
    """What belongs to a figure and is no number, such as the names of the slowest tests."""

    name: str
    text: str
    kept: bool = True

    def __str__(self) -> str:
        return f"  {self.name}: {self.text}"


@dataclass(frozen=True)
class NotMeasured:
    """A figure that has no value here, and why."""

    name: str
    reason: str
    kept: bool = True

    def __str__(self) -> str:
        return f"{self.name} not measured: {self.reason}"
