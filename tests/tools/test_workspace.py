"""Ending an engine for a trial, whatever state it is in."""

from __future__ import annotations

import subprocess
import sys

from tests.waiting import wait_until
from tools.workspace import kill


def start(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], text=True)


def test_an_engine_that_has_ended_by_itself_is_left_alone() -> None:
    ended = start("")
    ended.wait()
    kill(ended)
    assert ended.returncode == 0


def test_an_engine_at_work_is_killed() -> None:
    working = start("import time; time.sleep(600)")
    kill(working)
    assert wait_until(lambda: working.poll()) == -9
