"""What all tests share: machines are played by the twin unless a test asks for the scripts, and one recorded life."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from localcloud.windows.world import engine
from rehearsal.interrupts import pass_interrupts_on
from tests.whole import Choice, add_options

Made = TypeVar("Made")

# Started in the background, as some CI runners do it, every command of the engine would take 5 seconds longer.
pass_interrupts_on()
# Before any local cloud is started; tests of the scripts themselves take the other one back.
os.environ.setdefault("LOCALCLOUD_WINDOWS", "twin")
# Whoever runs the tests: they expect English, unless they ask for Chinese.
os.environ["CHATGLM_LANG"] = "en"


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Choice(config))


def pytest_report_header() -> str:
    """Say in one line whether the scripts are executed in this run."""
    pwsh = engine.find_pwsh()
    return (
        f"windows: the machine's scripts run in {pwsh}"
        if pwsh
        else "windows: no pwsh; tests of the scripts are skipped"
    )


@pytest.fixture(scope="session")
def once_in_a_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], Made]], Made]:
    """Fills a folder once for all processes of a run: one comes after the other, and finds what the first one made."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], Made]) -> Made:
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return fill(shared / name)

    return make
