"""`python -m tests.windows`: every scenario of the Windows world, two side by side; goes on where it was stopped.

What has passed with the scripts as they are is not played again; `--again` plays all. The figures are kept in
`bench/results/windows_scenarios.json` when all have been played.
"""

from __future__ import annotations

import fnmatch
import hashlib
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.kept import keep
from components.bootstrap.powershell import TEMPLATES
from components.bootstrap.render import GUEST
from localcloud.windows.world import engine
from tests.windows.scenario import Scenario, prepared
from tests.windows.scenarios import all_scenarios

console = Console()
RESULTS = Path(".local/windows-scenarios.json")


def main(
    only: Annotated[
        list[str] | None, typer.Option(help="Pattern of names, such as 'killed*'; may be repeated.")
    ] = None,
    again: Annotated[bool, typer.Option(help="Play also what has passed already.")] = False,
    side_by_side: Annotated[int, typer.Option(help="How many at once.")] = 2,
) -> None:
    """Play them. Ends with 1 when one is broken."""
    if engine.find_pwsh() is None:
        console.print(engine.describe(), style="red")
        raise typer.Exit(2)
    known = Ledger(RESULTS, scripts_hash())
    everything = all_scenarios()
    chosen = [one for one in everything if any(fnmatch.fnmatch(one.name, pattern) for pattern in only or ["*"])]
    todo = [one for one in chosen if again or not known.passed(one.name)]
    console.print(f"{len(chosen)} scenarios, {len(chosen) - len(todo)} have passed already", highlight=False)
    with tempfile.TemporaryDirectory(prefix="windows-") as folder, prepared(Path(folder)) as disk:
        began = time.monotonic()
        with ThreadPoolExecutor(side_by_side) as pool:
            futures = [pool.submit(play, one, Path(folder), disk) for one in todo]
            for done, future in enumerate(as_completed(futures), start=1):
                scenario, wrong, seconds = future.result()
                known.enter(scenario.name, wrong)
                mark = "ok    " if not wrong else "BROKEN"
                spent = time.monotonic() - began
                console.print(
                    f"{done:>3}/{len(todo)} {spent:6.0f} s  {mark} {scenario.name} ({seconds:.0f} s) {wrong[:600]}",
                    highlight=False, markup=False, soft_wrap=True,
                )  # fmt: skip
    broken = [one.name for one in everything if known.broken(one.name)]
    played = [one.name for one in everything if known.knows(one.name)]
    console.print(f"{len(played)} of {len(everything)} played, {len(broken)} broken", highlight=False)
    if len(played) == len(everything):
        figures = {"windows_scenarios": float(len(played)), "windows_scenarios_broken": float(len(broken))}
        keep("windows_scenarios", figures, "make test-windows")
    raise typer.Exit(1 if broken else 0)


def play(scenario: Scenario, folder: Path, disk: Path) -> tuple[Scenario, str, float]:
    """One scenario in a folder of its own."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder) as own:
        try:
            wrong = scenario.run(Path(own), disk)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
    return scenario, wrong, time.monotonic() - began


class Ledger:
    """What has been played with these scripts."""

    def __init__(self, path: Path, scripts: str) -> None:
        self._path, self._scripts = path, scripts
        try:
            told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            told = {}
        self._outcomes: dict[str, str] = told.get("outcomes", {}) if told.get("scripts") == scripts else {}

    def knows(self, name: str) -> bool:
        return name in self._outcomes

    def passed(self, name: str) -> bool:
        return self._outcomes.get(name) == ""

    def broken(self, name: str) -> bool:
        return bool(self._outcomes.get(name))

    def enter(self, name: str, wrong: str) -> None:
        self._outcomes[name] = wrong
        self._path.parent.mkdir(exist_ok=True)
        document = {"scripts": self._scripts, "outcomes": self._outcomes}
        self._path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")


def scripts_hash() -> str:
    """Names the scripts and the machine's Python: other ones are to be tried anew."""
    digest = hashlib.sha256()
    for path in sorted([*TEMPLATES.rglob("*.j2"), *GUEST.rglob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    typer.run(main)
