"""`python -m tests.ownership`: the whole matrix of two states, with the real engine. Goes on where it was cut off."""

from __future__ import annotations

import fnmatch
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.kept import current_commit, keep
from rehearsal.interrupts import pass_interrupts_on
from tests.ownership.case import run_case
from tests.ownership.matrix import EXPECTED
from tests.sweep.sweep import record

console = Console()
PROCESSES = 2


def main(
    only: Annotated[list[str] | None, typer.Option(help="Pattern such as 'stale-copy/*'; may be repeated.")] = None,
    progress: Annotated[Path, typer.Option(help="Verdicts so far, of this commit.")] = Path(".local/ownership.json"),
) -> None:
    """Run every case once for this commit. Ends with 1 when one is not as expected."""
    pass_interrupts_on()
    started = time.monotonic()
    chosen = [case for case in EXPECTED if any(fnmatch.fnmatch(str(case), one) for one in only or ["*"])]
    commit = current_commit()
    done = _done_before(progress, commit)
    left = [case for case in chosen if str(case) not in done]
    with tempfile.TemporaryDirectory(prefix="ownership-life-") as temporary:
        if left:
            record(Path(temporary))
        # Forked servers would share threads and locks with this process.
        with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
            for future in as_completed([pool.submit(run_case, case, Path(temporary)) for case in left]):
                verdict = future.result()
                done[str(verdict.case)] = verdict.broken
                progress.parent.mkdir(parents=True, exist_ok=True)
                progress.write_text(json.dumps({"commit": commit, "done": done}, indent=1), encoding="utf-8")
                mark = "as expected" if not verdict.broken else f"BROKEN: {verdict.broken}"
                console.print(f"{verdict.case}: {mark}", highlight=False, markup=False, soft_wrap=True)
                if verdict.broken:
                    console.print(verdict.said, highlight=False, markup=False, soft_wrap=True)
    broken = sum(bool(done[str(case)]) for case in chosen)
    console.print(f"{len(chosen)} cases, {broken} broken, {time.monotonic() - started:.0f} s", highlight=False)
    if set(chosen) == set(EXPECTED):
        keep("ownership", {"ownership_cases": len(chosen), "ownership_broken": broken}, "make test-ownership")
    raise typer.Exit(1 if broken else 0)


def _done_before(progress: Path, commit: str) -> dict[str, str]:
    """What a run of the same commit found before it was cut off; only what was as expected counts."""
    if not progress.exists():
        return {}
    found = json.loads(progress.read_text(encoding="utf-8"))
    return {name: broken for name, broken in found["done"].items() if found["commit"] == commit and not broken}


if __name__ == "__main__":
    typer.run(main)
