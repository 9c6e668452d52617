"""`python -m tests.sweep`: a fault at every call of every transition. About an hour on two cores."""

from __future__ import annotations

import fnmatch
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tests.sweep.case import Outcome
from tests.sweep.sweep import figures, record, sweep

console = Console()


def main(
    only: Annotated[
        list[str] | None, typer.Option(help="Pattern of the cases, such as 'park/CreateImage-*/*'; may be repeated.")
    ] = None,
    sample: Annotated[int, typer.Option(help="Run so many of them, the same ones every time. 0: all.")] = 0,
    logs: Annotated[Path | None, typer.Option(help="Folder for what Pulumi said in the cases that failed.")] = None,
) -> None:
    """Record the life once, then sweep it. Ends with 1 when a case broke a promise."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sweep-life-") as temporary:
        recording = record(Path(temporary))
        cases = [case for case in recording.cases if any(fnmatch.fnmatch(str(case), one) for one in only or ["*"])]
        chosen = [case for case in recording.sample(sample) if case in cases] if sample else cases
        done = 0

        def tell(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            if not outcome.good:
                tell_failure(outcome, logs)
            if done % 50 == 0 or done == len(chosen):
                seconds = time.monotonic() - started
                console.print(f"{done} of {len(chosen)} cases, {seconds:.0f} s", highlight=False)

        outcomes = sweep(recording, chosen, tell)
    for figure in figures(outcomes):
        console.print(str(figure), highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all(outcome.good for outcome in outcomes) else 1)


def tell_failure(outcome: Outcome, logs: Path | None) -> None:
    console.print(
        f"{outcome.case}: lost: {outcome.invariant_broken or 'no'}; not recovered: {outcome.not_recovered or 'no'}; "
        f"left: {', '.join(outcome.orphans) or 'nothing'}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if logs:
        logs.mkdir(parents=True, exist_ok=True)
        (logs / str(outcome.case).replace("/", "_")).write_text(outcome.said, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
