"""Which cases of a larger set are played: `make test` takes the others, `make test-whole` all, where it was cut off.

A case that is marked `whole` differs from another one in a detail, or has a smaller one beside it. `--whole` plays it
too; `--go-on` leaves out what has passed before at the same commit.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEDGER = ROOT / ".local" / "whole.json"


def add_options(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="Play also the cases that make test leaves out.")
    parser.addoption("--go-on", action="store_true", help="Leave out what has passed at this commit.")


class Choice:
    """Takes cases out of a run, and remembers what has passed."""

    def __init__(self, config: pytest.Config, ledger: Path = LEDGER) -> None:
        self._whole, self._ledger = bool(config.getoption("whole")), ledger
        self._state = _commit() if config.getoption("go_on") else ""
        self._passed = self._read() if self._state else set()
        # The processes of a run tell the first one, which alone writes.
        self._writes = bool(self._state) and not hasattr(config, "workerinput")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if self._is_left_out(item)]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._writes and report.when == "call" and report.passed:
            self._passed.add(report.nodeid)
            self._ledger.parent.mkdir(exist_ok=True)
            told = {"commit": self._state, "passed": sorted(self._passed)}
            self._ledger.write_text(json.dumps(told, indent=1), encoding="utf-8")

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._passed and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK  # all has passed already

    def _is_left_out(self, item: pytest.Item) -> bool:
        return item.nodeid in self._passed or (not self._whole and item.get_closest_marker("whole") is not None)

    def _read(self) -> set[str]:
        try:
            told = json.loads(self._ledger.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return set()
        return set(told["passed"]) if told["commit"] == self._state else set()


def _commit() -> str:
    """The commit; empty where files were changed since, of which nothing is known."""
    run = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    told = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    return "" if told.endswith("-dirty") else told
