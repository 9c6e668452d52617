"""The preview of a change, as the workflow runs it: the real engine, a throw-away cloud, no secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rehearsal.engine import ROOT
from tests.stacks import asking_pip_once
from tools.pull_request.changes import Transition
from tools.pull_request.preview import preview_all

pytestmark = pytest.mark.e2e


def test_this_program_previewed_on_itself_says_what_each_transition_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("TENCENTCLOUD_", "PULUMI_"))]:
        monkeypatch.delenv(name)
    for name, value in asking_pip_once().items():
        monkeypatch.setenv(name, value)
    found = {(row.found, row.wanted): row for row in preview_all(ROOT, ROOT, tmp_path)}
    assert not any(row.failed for row in found.values())
    assert {key: row.deeds for key, row in found.items()} == {
        ("nothing", "running"): ("make_network", "launch"),
        ("running", "running"): (),
        ("running", "parked"): ("capture", "terminate"),
        ("parked", "running"): ("launch",),
        ("parked", "parked"): (),
        ("reclaimed", "running"): ("launch", "terminate"),
    }
    assert not any(row.losses for row in found.values())
    assert _prices(found["running", "parked"]) == (True, 0)


def _prices(row: Transition) -> tuple[bool, object]:
    return bool(row.hourly_before), row.hourly_after
