"""Which cases of a larger set are played: `make test` leaves out those that `make test-whole` plays.

A case that is marked `whole` differs from another one in a detail, or has a smaller one beside it. `--whole` plays it
too; `--go-on` leaves out what has passed before at the same commit.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commits import ROOT, described_commit


def add_options(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="Play also the cases that make test leaves out.")
    parser.addoption("--go-on", action="store_true", help="Leave out what has passed at this commit.")


class Choice:
    """Takes cases out of a run, and remembers what has passed."""

    def __init__(self, config: pytest.Config, root: Path = ROOT) -> None:
        self._whole, self._ledger = bool(config.getoption("whole")), root / ".local" / "whole.json"
        self._commit = described_commit(root) if config.getoption("go_on") else ""
        # Of files that were changed since their commit nothing is known.
        is_known = bool(self._commit) and not self._commit.endswith("-dirty")
        self._passed = self._read() if is_known else set()
        # The processes of a run tell the first one, which alone writes.
        self._writes = is_known and not hasattr(config, "workerinput")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        left_out = [item for item in items if self._is_left_out(item)]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self._writes and report.when == "call" and report.passed:
            self._passed.add(report.nodeid)
            self._ledger.parent.mkdir(exist_ok=True)
            told = {"commit": self._commit, "passed": sorted(self._passed)}
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
        return set(told["passed"]) if told["commit"] == self._commit else set()
