"""The sweep: the life is lived once and recorded; then each call of it goes wrong in each way."""

from __future__ import annotations

import hashlib
import itertools
import json
import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from bench.figure import Figure
from bench.long_runs import SWEEP
from tests.sweep.case import Outcome, run_case
from tests.sweep.faults import Case, cases_of
from tests.sweep.transitions import AWAITED, SWEPT, TRANSITIONS, Transition, shortfall
from tests.sweep.world import open_world

#: One more than cores: a case waits now and then, for the cloud and for the disk.
PROCESSES = 3
_SEED = "a fixed sample"


@dataclass(frozen=True)
class Recording:
    """The world as it was before each transition (a folder each), and every case that there is."""

    snapshots: Path
    cases: list[Case]

    def sample(self, count: int) -> list[Case]:
        """A choice by chance, one of each kind first; always the same, and nearly so when the calls change a little."""
        of_kind: dict[str, list[Case]] = {}
        for case in sorted(self.cases, key=lambda case: hashlib.sha256(f"{_SEED} {case}".encode()).digest()):
            of_kind.setdefault(case.kind, []).append(case)
        turns = itertools.zip_longest(*of_kind.values())
        return sorted(itertools.islice((case for turn in turns for case in turn if case), count))


def record(snapshots: Path, awaited: bool = False) -> Recording:
    """Live the whole life once, and with `awaited` the one with guests too.

    Raises RuntimeError when a transition fails with no fault at all.
    """
    cases = _live(snapshots, TRANSITIONS)
    return Recording(snapshots, cases + _live(snapshots, AWAITED) if awaited else cases)


def recorded(folder: Path, awaited: bool = False) -> Recording:
    """The life in a folder, lived now where it was not yet. Raises RuntimeError as `record`."""
    life, cases = folder / "life", folder / "cases.json"
    if cases.exists():
        return Recording(life, [Case(**case) for case in json.loads(cases.read_text(encoding="utf-8"))])
    shutil.rmtree(life, ignore_errors=True)
    life.mkdir(parents=True)
    recording = record(life, awaited)
    cases.write_text(json.dumps([asdict(case) for case in recording.cases]), encoding="utf-8")
    return recording


def _live(snapshots: Path, life: Sequence[Transition]) -> list[Case]:
    cases: list[Case] = []
    here = snapshots / life[0].name
    for number, transition in enumerate(life):
        with open_world(here, transition.guests) as world:
            world.stack.set(transition.settings or {"chatglm:keepImages": "1"})
        after = snapshots / (life[number + 1].name if number + 1 < len(life) else f"after-{transition.name}")
        shutil.copytree(here, after, symlinks=True)
        with open_world(after, transition.guests) as world:
            last = max((call.seq for call in world.served.control.journal()), default=0)
            result = world.stack.pulumi(transition.command, "--yes", "--skip-preview")
            if not result.ok or shortfall(world, transition.wanted):
                raise RuntimeError(f"{transition.name} failed without a fault:\n{result.text}")
            calls = [(call.service, call.action) for call in world.served.control.journal(last)]
        if transition in SWEPT:
            cases += cases_of(transition.name, calls, transition.guests)
        here = after
    return cases


def sweep(recording: Recording, cases: Sequence[Case], tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Run the cases, two at a time; each has a cloud and a stack of its own."""
    outcomes = []
    # Forked servers would share threads and locks with this process.
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        under_way = {pool.submit(run_case, case, recording.snapshots): case for case in cases}
        for future in as_completed(under_way):
            try:
                outcomes.append(future.result())
            except Exception as error:
                # One trial that breaks must not take the others' outcomes with it.
                outcomes.append(Outcome(under_way[future], "", f"the trial itself broke: {error!r}", [], ""))
            tell(outcomes[-1])
    return outcomes


def figures(outcomes: Sequence[Outcome]) -> list[Figure]:
    """The figures that `bench.long_runs` declares, measured."""
    values = (
        len(outcomes),
        sum(bool(each.invariant_broken) for each in outcomes),
        sum(bool(each.not_recovered) for each in outcomes),
        sum(bool(each.orphans) for each in outcomes),
    )
    return [replace(figure, value=value) for figure, value in zip(SWEEP.figures, values, strict=True)]
