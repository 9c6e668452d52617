"""The machine's status in one line, for people who wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from words import heard, later, phrase

#: The scripts say `second stage HASH WHY`; nobody needs to read the hash.
_SECOND_STAGE = re.compile(r"second stage (?:[0-9a-f]{64} )?(?P<why>.+)")
_WITHOUT_IT = {
    "has not come yet": later("the second stage, which has not come yet"),
    "came broken and was thrown away": later("the second stage, which came broken and was thrown away"),
    "is there, but a file of it cannot be replaced": later("a file of the second stage, which cannot be replaced now"),
}


def describe(status: Mapping[str, Any]) -> str:
    """The status in one line: the step that is at work, how far each download is, what is waited for."""
    parts = []
    steps = status.get("steps", [])
    done = sum(1 for step in steps if step.get("state") == "done")
    if steps:
        parts.append(phrase("{done} of {count} steps done", done=done, count=len(steps)))
    parts += [_describe_step(step) for step in steps if _is_worth_telling(step)]
    if waits := waits_words(status):
        parts.append(waits)
    if not parts or status.get("phase") == "ready":
        parts.append(heard(status) or phrase("The installation starts."))
    return phrase("; ").join(parts)


def waits_words(status: Mapping[str, Any]) -> str:
    """What the machine waits for; empty where it waits for nothing."""
    if not status.get("waitsFor"):
        return ""
    found = _SECOND_STAGE.fullmatch(str(status["waitsFor"]))
    form = _WITHOUT_IT.get(found["why"]) if found else None
    return phrase("waits for {what}", what=phrase(form) if form else heard(status, "waitsFor"))


def _is_worth_telling(step: Mapping[str, Any]) -> bool:
    # The download of a step that has not begun can fail hours before it would be missed.
    return step.get("state") in ("running", "waiting", "failed") or bool(step.get("download"))


def _describe_step(step: Mapping[str, Any]) -> str:
    figures = []
    if step.get("percent") is not None and step.get("totalBytes"):
        figures.append(phrase("{percent} % of {size:.1f} GB", percent=step["percent"], size=step["totalBytes"] / 1e9))
    if step.get("rateBytesPerSecond"):
        figures.append(phrase("{rate:.1f} MB/s", rate=step["rateBytesPerSecond"] / 1e6))
    if step.get("secondsLeft"):
        figures.append(phrase("{minutes} min left", minutes=max(round(step["secondsLeft"] / 60), 1)))
    if (step.get("attempt") or 0) > 1:
        figures.append(phrase("try {attempt}", attempt=step["attempt"]))
    error = step.get("error")
    if error:
        figures.append(heard(error))
    elif step.get("download"):
        figures.append(
            phrase(
                "its download {state}: {message}",
                state=phrase(str(step["download"].get("state"))),
                message=heard(step["download"]),
            )
        )
    told = phrase(", ").join(figures) or phrase(str(step.get("state")))
    return phrase("{title}: {told}", title=heard(step, "title"), told=told)
