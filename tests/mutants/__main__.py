"""`python -m tests.mutants`: is a change of the pure and the guarding modules noticed by their own unit tests?

A sample, the same every time: each mutant is one small change, tried on a copy of the tree with the tests of its module
alone. It goes on where it was cut off: what was noticed counts as long as its module is as it was, and survivors of
another commit are tried again. They are named, with the reason where it is known (`survivors.json`).
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import random
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench.kept import keep
from rehearsal.engine import ROOT
from tests.commits import described_commit
from tests.mutants.operators import Mutant, mutants_of
from tests.mutants.trial import MODULES, noticed

SAMPLE, SEED = 300, 10
#: Nothing but numbers that were chosen, any of which would do nearly as well.
_CHOSEN = "guest/download/limits.py"
LEDGER = ROOT / ".local" / "mutants.json"
SURVIVORS = Path(__file__).with_name("survivors.json")

console = Console(highlight=False, soft_wrap=True)


def main(
    count: Annotated[int, typer.Option(help="How many of the sample.")] = SAMPLE,
    only: Annotated[str, typer.Option(help="A part of the file's name.")] = "",
    side_by_side: Annotated[int, typer.Option(help="How many at once; one that hangs waits and computes nothing.")] = 3,
) -> None:
    """Try the sample, and print the share that was noticed. Ends with 1 when one survived that has no reason."""
    sample = [mutant for mutant in draw()[:count] if only in mutant.file]
    ledger = _load()
    todo = [mutant for mutant in sample if _key(mutant) not in ledger]
    console.print(f"{len(sample)} mutants, {len(todo)} to try")
    began = time.monotonic()
    # Each process has a copy of the tree; one that was forked would share this one's threads.
    with ProcessPoolExecutor(side_by_side, mp_context=multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(noticed, mutant): mutant for mutant in todo}
        for done, future in enumerate(as_completed(futures), start=1):
            ledger[_key(futures[future])] = future.result()
            _save(ledger)
            if not future.result():
                console.print(f"SURVIVED: {futures[future]}")
            if done % 20 == 0:
                console.print(f"{done} of {len(todo)}, {time.monotonic() - began:.0f} s")
    survivors = [_told(mutant) for mutant in sample if not ledger[_key(mutant)]]
    reasons = json.loads(SURVIVORS.read_text(encoding="utf-8"))
    share = 100 * (1 - len(survivors) / len(sample))
    for name in survivors:
        console.print(f"survived: {name}: {reasons.get(name, 'no reason is known')}")
    console.print(f"mutation_score {share:.1f} % of {len(sample)}")
    if len(sample) == SAMPLE:
        keep("mutants", {"mutation_score": share}, "make mutants", notes={"survived": survivors})
    raise typer.Exit(1 if set(survivors) - set(reasons) else 0)


def draw() -> list[Mutant]:
    """The sample, in the order in which it is tried."""
    found: list[Mutant] = []
    for module in MODULES:
        for path in sorted((ROOT / module).glob("*.py")) if (ROOT / module).is_dir() else [ROOT / module]:
            name = path.relative_to(ROOT).as_posix()
            found += mutants_of(name, path.read_text(encoding="utf-8")) if name != _CHOSEN else []
    return random.Random(SEED).sample(found, min(SAMPLE, len(found)))


def _told(mutant: Mutant) -> str:
    return mutant.told((ROOT / mutant.file).read_text(encoding="utf-8"))


def _key(mutant: Mutant) -> str:
    return f"{mutant} of {_hash(mutant.file)}"


@cache
def _hash(file: str) -> str:
    return hashlib.sha256((ROOT / file).read_bytes()).hexdigest()[:12]


def _load() -> dict[str, bool]:
    """What is known of these modules, and survivors with these tests."""
    try:
        kept = json.loads(LEDGER.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: was_noticed for key, was_noticed in kept["tried"].items() if was_noticed or kept["commit"] == _state()}


def _save(ledger: dict[str, bool]) -> None:
    LEDGER.parent.mkdir(exist_ok=True)
    LEDGER.write_text(json.dumps({"commit": _state(), "tried": ledger}, indent=1), encoding="utf-8")


@cache
def _state() -> str:
    return described_commit()


if __name__ == "__main__":
    typer.run(main)
