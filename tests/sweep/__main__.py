"""`python -m tests.sweep`: a fault at every call of every transition. It takes an hour and a half, and can be cut off.

A whole run keeps what it found out, goes on where it was, and in the end leaves its figures in `bench/results/`.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.kept import keep
from bench.long_runs import SWEEP
from rehearsal.interrupts import pass_interrupts_on
from tests.sweep.case import Outcome
from tests.sweep.progress import Progress
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
    pass_interrupts_on()
    # The cloud's calls are swept here; what runs inside a machine is tried in tests/windows, and takes a minute a case.
    os.environ.setdefault("LOCALCLOUD_WINDOWS", "twin")
    whole = not only and not sample
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        progress = Progress() if whole else None
        if progress:
            recording, known = progress.recording(), progress.outcomes()
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sweep-life-"))
            recording, known = record(Path(folder), awaited=True), []
        cases = [case for case in recording.cases if any(fnmatch.fnmatch(str(case), one) for one in only or ["*"])]
        chosen = [case for case in recording.sample(sample) if case in cases] if sample else cases
        left = [case for case in chosen if case not in {outcome.case for outcome in known}]
        if known:
            console.print(f"Going on: {len(known)} of {len(chosen)} cases are done.", highlight=False)
        done = len(known)

        def tell(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            if progress:
                progress.add(outcome)
            if not outcome.good:
                tell_failure(outcome, logs)
            if done % 50 == 0 or done == len(chosen):
                seconds = time.monotonic() - started
                console.print(f"{done} of {len(chosen)} cases, {seconds:.0f} s", highlight=False)

        outcomes = [*known, *sweep(recording, left, tell)]
    found = figures(outcomes)
    for figure in found:
        console.print(str(figure), highlight=False, soft_wrap=True)
    if progress:
        kept = keep(SWEEP.name, {figure.name: figure.value for figure in found}, "make test-sweep")
        console.print(f"Kept in {kept}.", highlight=False, soft_wrap=True)
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
