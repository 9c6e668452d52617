"""Plays the package rouge-chinese: scores of words in common, and the same refusal of an empty text."""

from __future__ import annotations

from collections import Counter


class Rouge:
    """Scores one answer against one reference, both as words with blanks between."""

    def get_scores(self, hyps: str, refs: str) -> list[dict[str, dict[str, float]]]:
        """Recall, precision and F1 of ROUGE-1, 2 and L; raises ValueError for an empty text."""
        said, right = hyps.split(), refs.split()
        if not said:
            raise ValueError("Hypothesis is empty.")
        if not right:
            raise ValueError("Reference is empty.")
        one = _score(_common(said, right, 1), len(said), len(right))
        two = _score(_common(said, right, 2), len(said) - 1, len(right) - 1)
        longest = _score(_longest_common(said, right), len(said), len(right))
        return [{"rouge-1": one, "rouge-2": two, "rouge-l": longest}]


def _common(said: list[str], right: list[str], size: int) -> int:
    grams = [Counter(zip(*(words[start:] for start in range(size)), strict=False)) for words in (said, right)]
    return (grams[0] & grams[1]).total()


def _longest_common(said: list[str], right: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(right) + 1)
    for word in said:
        before = 0
        for place, other in enumerate(right, start=1):
            before, row[place] = row[place], before + 1 if word == other else max(row[place], row[place - 1])
    return row[-1]


def _score(common: int, said: int, right: int) -> dict[str, float]:
    precision, recall = common / max(1, said), common / max(1, right)
    both = precision + recall
    return {"r": recall, "p": precision, "f": 2 * precision * recall / both if both else 0.0}
