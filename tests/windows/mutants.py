"""`python -m tests.windows.mutants`: is a change of the scripts noticed by the scenarios that pass through it?

One statement of the scripts is taken out, or one condition turned, at a time: a sample of 120, the same one every time.
Each is tried on scenarios whose trace passes it, quickest first, until one of them is broken. It goes on where it was
stopped; survivors are named, with the reason where it is known (`survivors.json`).
"""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.kept import keep
from components.bootstrap import render as rendering
from localcloud.windows.world import engine
from tests.windows.__main__ import scripts_hash
from tests.windows.scenario import prepared
from tests.windows.scenarios import all_scenarios
from tests.windows.trial import Trial, rendered

SAMPLE, SEED, MOST_TRIES = 120, 15, 3
#: Several times what a wait of a scenario takes. Many mutants hang, and that is how they are noticed.
PATIENCE_SECONDS = 120.0
RESULTS = Path(".local/windows-mutants.json")
SURVIVORS = Path(__file__).with_name("survivors.json")
#: Scenarios that pass through most of the scripts, quickest first; their traces are taken before anything is mutated.
TRACED = (
    "first life", "restored with another password", "verbs before Python",
    "CUDA is blocked", "the driver wants a restart", "Miniconda leaves half", "the packages never install",
    "the first Python mirror gives a page", "a second bootstrap by hand",
    "the disk is full for the status", "restored with another Miniconda version", "second stage: foreign",
)  # fmt: skip

console = Console()


@dataclass(frozen=True)
class Spot:
    """A place in a script, by offsets in its rendered text."""

    file: str
    kind: str
    start: int
    end: int
    line: int

    @property
    def name(self) -> str:
        return f"{self.file}:{self.line}:{self.start}:{self.kind}"

    def mutate(self, text: str) -> str:
        """The script without the statement, or with the condition turned."""
        old = text[self.start : self.end]
        new = f"-not ({old})" if self.kind == "condition" else ""
        return text[: self.start] + new + text[self.end :]


def spots(scripts: Mapping[str, str]) -> list[Spot]:
    """Everything that can be mutated, as PowerShell's own parser reads the scripts."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in scripts.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")
        command = [str(engine.find_pwsh()), "-NoProfile", "-NonInteractive", "-File"]
        command += [str(Path(__file__).with_name("statements.ps1")), folder]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [Spot(one["file"], one["kind"], one["start"], one["end"], one["line"]) for one in json.loads(told)]


def instrument(scripts: Mapping[str, str], places: list[Spot]) -> dict[str, str]:
    """The scripts with a note before each statement."""
    made = dict(scripts)
    for spot in sorted((one for one in places if one.kind == "statement"), key=lambda one: -one.start):
        text = made[spot.file]
        made[spot.file] = f"{text[: spot.start]}[World.Trace]::Hit('{spot.file}:{spot.line}'); {text[spot.start :]}"
    return made


def play_with(scripts: Mapping[str, str], name: str, disk: Path | None, trace: Path | None = None) -> str:
    """Play a scenario with these scripts; what is wrong."""
    import os

    rendering.scripts = lambda: dict(scripts)
    rendered.cache_clear()
    rendering.MAX_USER_DATA_BYTES = 1_000_000
    Trial.patience_seconds = PATIENCE_SECONDS
    if trace is not None:
        os.environ["CHATGLM_REHEARSAL_TRACE"] = str(trace)
    scenario = next(one for one in all_scenarios() if one.name == name)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        try:
            return scenario.run(Path(folder), disk)
        except Exception as error:
            return f"{type(error).__name__}: {error}"


def main(
    count: Annotated[int, typer.Option(help="How many of the sample.")] = SAMPLE,
    side_by_side: Annotated[int, typer.Option(help="How many at once; a scenario waits more than it computes.")] = 2,
) -> None:
    """Trace, mutate, try; prints the share that was noticed."""
    scripts = rendering.scripts()
    ledger = _load(scripts_hash())
    with tempfile.TemporaryDirectory(prefix="windows-") as folder, prepared(Path(folder)) as disk:
        places = spots(scripts)
        _trace(ledger, scripts, places, disk, Path(folder))
        covered = [one for one in places if _passing(ledger, one)]
        sample = random.Random(SEED).sample(covered, min(SAMPLE, len(covered)))[:count]
        todo = [one for one in sample if one.name not in ledger["mutants"]]
        console.print(f"{len(places)} places, {len(covered)} passed by a trace, {len(todo)} to try", highlight=False)
        began = time.monotonic()
        with ProcessPoolExecutor(side_by_side) as pool:
            futures = {pool.submit(_try, scripts, one, _passing(ledger, one), disk): one for one in todo}
            for done, future in enumerate(as_completed(futures), start=1):
                spot, noticed = futures[future], future.result()
                ledger["mutants"][spot.name] = noticed
                _save(ledger)
                told = f"noticed by {noticed}" if noticed else "SURVIVED"
                console.print(
                    f"{done}/{len(todo)} {time.monotonic() - began:.0f} s {spot.name} {told}", highlight=False
                )
    tried = {one.name: ledger["mutants"][one.name] for one in sample}
    share = 100 * sum(bool(noticed) for noticed in tried.values()) / len(tried)
    for name, noticed in tried.items():
        if not noticed:
            console.print(f"survived: {name}: {_reasons().get(name, 'no reason is known')}", highlight=False)
    console.print(f"script_mutants {share:.1f} % of {len(tried)}", highlight=False)
    if len(tried) >= SAMPLE:
        keep("script_mutants", {"script_mutants": share}, "python -m tests.windows.mutants")


def _try(scripts: dict[str, str], spot: Spot, names: list[str], disk: Path) -> str:
    """The scenario that notices the mutant; empty when none does."""
    mutated = {**scripts, spot.file: spot.mutate(scripts[spot.file])}
    for name in names[:MOST_TRIES]:
        if play_with(mutated, name, disk):
            return name
    return ""


def _trace(
    ledger: dict[str, Any], scripts: dict[str, str], places: list[Spot], disk: Path, folder: Path
) -> None:  # fmt: skip
    noted = instrument(scripts, places)
    for name in TRACED:
        if name in ledger["traces"]:
            continue
        trace = folder / "trace"
        trace.unlink(missing_ok=True)
        with ProcessPoolExecutor(1) as pool:
            wrong = pool.submit(play_with, noted, name, disk, trace).result()
        lines = sorted(set(trace.read_text(encoding="utf-8").splitlines())) if trace.is_file() else []
        ledger["traces"][name] = lines
        _save(ledger)
        console.print(f"traced {name}: {len(lines)} lines {wrong[:200]}", highlight=False, markup=False)


def _passing(ledger: dict[str, Any], spot: Spot) -> list[str]:
    """Scenarios that pass the place, quickest first."""
    return [name for name in TRACED if f"{spot.file}:{spot.line}" in ledger["traces"].get(name, [])]


def _load(scripts: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = {}
    return told if told.get("scripts") == scripts else {"scripts": scripts, "traces": {}, "mutants": {}}


def _save(ledger: dict[str, Any]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(ledger, indent=1), encoding="utf-8")


def _reasons() -> dict[str, str]:
    try:
        reasons: dict[str, str] = json.loads(SURVIVORS.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return reasons


if __name__ == "__main__":
    typer.run(main)
