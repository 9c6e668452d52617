"""How many sentences that a person reads have no twin in the other language, or go past the catalogue."""

from __future__ import annotations

from bench.figure import Figure
from tools import messages


def measure() -> list[Figure]:
    catalog = messages.update(messages.read(), messages.collect())
    return [
        Figure("messages_untranslated", len(messages.untranslated(catalog)), "messages", 0),
        Figure("messages", len(catalog), "messages"),
    ]
