"""The sweep: the life is lived once and recorded; then each call of it goes wrong in each way."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from tests.sweep.case import Outcome, run_case
from tests.sweep.faults import Case, cases_of
from tests.sweep.transitions import SWEPT, TRANSITIONS, shortfall
from tests.sweep.world import open_world

PROCESSES = 2
_SEED = "a fixed sample"


@dataclass(frozen=True)
class Recording:
    """The world as it was before each transition (a folder each), and every case that there is."""

    snapshots: Path
    cases: list[Case]

    def sample(self, count: int) -> list[Case]:
        """A random choice that is the same every time, and nearly so when the calls change a little."""
        return sorted(sorted(self.cases, key=lambda case: hashlib.sha256(f"{_SEED} {case}".encode()).digest())[:count])


def record(snapshots: Path) -> Recording:
    """Live the whole life once. Raises RuntimeError when a transition fails with no fault at all."""
    cases: list[Case] = []
    here = snapshots / TRANSITIONS[0].name
    for number, transition in enumerate(TRANSITIONS):
        with open_world(here) as world:
            world.stack.set(transition.settings or {"chatglm:keepImages": "1"})
        after = snapshots / (TRANSITIONS[number + 1].name if number + 1 < len(TRANSITIONS) else "end")
        shutil.copytree(here, after, symlinks=True)
        with open_world(after) as world:
            last = max((call.seq for call in world.served.control.journal()), default=0)
            result = world.stack.pulumi(transition.command, "--yes", "--skip-preview")
            if not result.ok or shortfall(world, transition.wanted):
                raise RuntimeError(f"{transition.name} failed without a fault:\n{result.text}")
            calls = [(call.service, call.action) for call in world.served.control.journal(last)]
        if transition in SWEPT:
            cases += cases_of(transition.name, calls)
        here = after
    return Recording(snapshots, cases)


def sweep(recording: Recording, cases: Sequence[Case], tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Run the cases, two at a time; each has a cloud and a stack of its own."""
    outcomes = []
    # Forked servers would share threads and locks with this process.
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(run_case, case, recording.snapshots) for case in cases]):
            outcomes.append(future.result())
            tell(outcomes[-1])
    return outcomes


def figures(outcomes: Sequence[Outcome]) -> list[Figure]:
    return [
        Figure("sweep_cases", len(outcomes), "cases"),
        Figure("sweep_invariant_broken", sum(bool(each.invariant_broken) for each in outcomes), "cases", 0),
        Figure("sweep_not_recovered", sum(bool(each.not_recovered) for each in outcomes), "cases", 0),
        Figure("sweep_orphans", sum(bool(each.orphans) for each in outcomes), "cases", 0),
    ]
