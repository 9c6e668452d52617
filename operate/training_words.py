"""Runs, progress, scores and the check of a data set in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from guest.training.dataset import Report
from operate.output import human_bytes, human_seconds
from words import heard, later, phrase, worded


def progress_words(told: Mapping[str, Any]) -> str:
    """Step, loss, rate, time left and GPU memory, as far as they are known."""
    words = []
    if told.get("phase") not in (None, "training"):
        words.append(str(told["phase"]))
    if told.get("total"):
        words.append(f"{told.get('step', 0)}/{told['total']}")
    if told.get("loss") is not None:
        words.append(phrase("loss {loss:.4g}", loss=told["loss"]))
    if told.get("holdOutLosses"):
        words.append(
            phrase(
                "held-out {loss:.4g} (best at {best})",
                loss=told["holdOutLosses"][-1][1] or math.nan,
                best=told.get("bestStep"),
            )
        )
    if told.get("secondsPerStep"):
        words.append(phrase("{seconds:.1f} s/step", seconds=told["secondsPerStep"]))
    if told.get("secondsLeft") is not None:
        words.append(phrase("{time} left", time=human_seconds(told["secondsLeft"])))
    if told.get("gpu"):
        gpu = told["gpu"]
        words.append(
            phrase(
                "GPU {used:.1f} of {total:.1f} GiB",
                used=gpu["usedBytes"] / 1024**3,
                total=gpu["totalBytes"] / 1024**3,
            )
        )
    return phrase(", ").join(words)


def render_comparison(told: Mapping[str, Any]) -> RenderableType:
    """One row a question: what was asked and expected, and what each model says."""
    table = Table(show_lines=True)
    table.add_column(phrase("Question"), overflow="fold", ratio=2)
    expected = any(row["expected"] for row in told["answers"])
    if expected:
        table.add_column(phrase("In the data"), overflow="fold", ratio=3)
    table.add_column(phrase("Base"), overflow="fold", ratio=3)
    table.add_column(
        phrase("Tuned: {run}, {checkpoint}", run=told["run"], checkpoint=told["checkpoint"]), overflow="fold", ratio=3
    )
    for row in told["answers"]:
        cells = [row["question"], row["expected"] or "", row["base"], row["tuned"]]
        table.add_row(*map(Text, cells if expected else [cells[0], *cells[2:]]))
    notes = [phrase("Rehearsal: no model is loaded, answers are simulated.")] if told.get("rehearsal") else []
    return Group(table, *notes)


def render_report(report: Report) -> RenderableType:
    """What the check of a data set found, before it is sent."""
    lines = [
        phrase(
            "{file}: {rows:,} rows, {bytes}, {form}, {encoding}",
            file=report.name,
            rows=report.rows,
            bytes=human_bytes(report.bytes),
            form=phrase(report.form),
            encoding=report.encoding,
        )
    ]
    about = "" if report.lengths_are_exact else phrase(" (estimated)")
    for count, what in ((report.cut_prompts, phrase("prompts")), (report.cut_responses, phrase("answers"))):
        if count:
            lines.append(phrase("  {count:,} {what} get cut{about}", count=count, what=what, about=about))
    lines += [f"  {worded(said)}" for said in (*report.notes, *(one.words for one in report.warnings))]
    return "\n".join(lines)


#: Names up to here stand in a table on any screen; longer ones get a line of their own.
_SHORT_NAME = 24


def render_runs(answer: Mapping[str, Any]) -> RenderableType:
    """The runs with what has to be typed first: their names are never cut or broken, however narrow the screen."""
    runs = list(answer.get("runs") or ())
    serving = phrase("The demo serves {serving}.", serving=answer.get("serving", "base"))
    if not runs:
        return Group(phrase("There are no runs yet."), serving)
    unreadable = [f"{run['run']}: {heard(run, 'reason')}" for run in runs if run["state"] == "unreadable"]
    longest = max(cell_len(run["run"]) for run in runs)
    if longest > _SHORT_NAME:
        return Group(*(part for run in runs for part in _run_lines(run)), *unreadable, serving)
    table = Table(box=None, padding=(0, 2))
    table.add_column(phrase("Run"), min_width=longest)
    for title in _RUN_TITLES:
        table.add_column(phrase(title), overflow="fold")
    for run in runs:
        table.add_row(run["run"], *_run_cells(run))
    return Group(table, *unreadable, serving)


_RUN_TITLES = (
    later("State"),
    later("Checkpoint"),
    later("Steps"),
    "pre_seq_len",
    later("Data"),
    later("Created (UTC)"),
)


def _run_lines(run: Mapping[str, Any]) -> tuple[Text, str]:
    told = phrase(", ").join(
        f"{phrase(title)} {cell}" for title, cell in zip(_RUN_TITLES, _run_cells(run), strict=True)
    )
    return Text(run["run"], style="bold", no_wrap=True, overflow="ignore"), f"  {told}"


def _run_cells(run: Mapping[str, Any]) -> tuple[str, ...]:
    checkpoint = run.get("newestCheckpoint")
    broken = (
        phrase(" (+{count} broken)", count=len(run["incompleteCheckpoints"]))
        if run.get("incompleteCheckpoints")
        else ""
    )
    return (
        phrase(run["state"]) + (phrase(" (rehearsal)") if run.get("rehearsal") else ""),
        f"{phrase('none') if checkpoint is None else checkpoint}{broken}",
        str(run["maxSteps"] or ""),
        str(run["preSeqLen"] or ""),
        (run["data"] or {}).get("name", ""),
        run["created"] or "",
    )


def render_scores(outcome: Mapping[str, Any]) -> RenderableType:
    """Scores, beside the published ones where they compare."""
    published = outcome.get("published") or {}
    table = Table(box=None, padding=(0, 2))
    table.add_column(f"{outcome['run']}, {outcome['checkpoint']}")
    table.add_column(phrase("here"), justify="right")
    if published:
        table.add_column(phrase("published"), justify="right")
    for name, score in (outcome.get("scores") or {}).items():
        cells = [name, phrase("unknown") if score is None else f"{score:.2f}"]
        if published:
            cells.append(f"{published[name]:.2f}" if name in published else "")
        table.add_row(*cells)
    notes: list[RenderableType] = []
    if outcome.get("rehearsal"):
        notes.append(phrase("Rehearsal: no model was trained, these figures mean nothing."))
    if published:
        notes.append(heard(outcome, "publishedNote"))
    if outcome.get("emptyPredictions"):
        notes.append(
            phrase(
                "{count} predictions are empty; they count as 0.",
                count=outcome["emptyPredictions"],
            )
        )
    if outcome.get("predictionsHere"):
        notes.append(phrase("Predictions: {file}", file=outcome["predictionsHere"]))
    return Group(table, *notes)
