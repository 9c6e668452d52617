"""`python -m tests.guard`: every case of the guard outside and of the machine's own. Goes on where it was cut off."""

from __future__ import annotations

import fnmatch
import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.kept import current_commit, keep
from bench.long_runs import GUARD
from rehearsal.engine import ROOT
from rehearsal.interrupts import pass_interrupts_on
from tests.guard import outside
from tests.guard.sides import SIDES, live, side_of

console = Console()
PROCESSES = 2
FOLDER = ROOT / ".local" / "guard"


def main(
    only: Annotated[list[str] | None, typer.Option(help="Pattern such as 'outside/park/*'; may be repeated.")] = None,
    folder: Annotated[Path, typer.Option(help="Worlds and verdicts so far, of this commit.")] = FOLDER,
) -> None:
    """Run every case once for this commit. Ends with 1 when one is broken."""
    pass_interrupts_on()
    started = time.monotonic()
    place = folder / current_commit()
    worlds, verdicts = place / "worlds", place / "verdicts.json"
    if not (worlds / "cases.json").exists():
        worlds.mkdir(parents=True, exist_ok=True)
        outside.record(worlds)
    os.environ["CHATGLM_GUARD_WORLDS"] = str(worlds)
    every = [(side, case) for side in SIDES for case in side_of(side).cases()]
    chosen = [(side, case) for side, case in every if any(fnmatch.fnmatch(str(case), one) for one in only or ["*"])]
    done: dict[str, str] = json.loads(verdicts.read_text(encoding="utf-8")) if verdicts.exists() else {}
    # What was broken is tried again: it may have been the computer's load.
    left = [(side, case) for side, case in chosen if done.get(str(case), "unknown")]
    if len(left) < len(chosen):
        console.print(f"Going on: {len(chosen) - len(left)} of {len(chosen)} cases are done.", highlight=False)
    # Forked servers would share threads and locks with this process.
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(live, side, case) for side, case in left]):
            name, broken, said = future.result()
            done[name] = broken
            verdicts.write_text(json.dumps(done, indent=1), encoding="utf-8")
            if broken:
                console.print(f"{name}: BROKEN: {broken}\n{said}", highlight=False, markup=False, soft_wrap=True)
            if len(done) % 20 == 0:
                console.print(f"{len(done)} cases, {time.monotonic() - started:.0f} s", highlight=False)
    broken = sum(bool(done[str(case)]) for _, case in chosen)
    console.print(f"{len(chosen)} cases, {broken} broken, {time.monotonic() - started:.0f} s", highlight=False)
    if len(chosen) == len(every):
        values = (len(chosen), broken)
        keep(GUARD.name, dict(zip((one.name for one in GUARD.figures), values, strict=True)), "make test-guard")
    raise typer.Exit(1 if broken else 0)


if __name__ == "__main__":
    typer.run(main)
