"""What the manifest tells the machine's own guard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guest.unattended.decision import Rules
from guest.unattended.settings import GuardSettings, manifest_row, read_settings


def told(root: Path, settings: object) -> GuardSettings:
    (root / "manifest.json").write_text(json.dumps({"settings": settings}), encoding="utf-8")
    return read_settings(root)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(idle_seconds=1800, warn_seconds=600, own_guard=True),
        Rules(idle_seconds=60, warn_seconds=0, uses=("demo", "api"), own_guard=True),
        Rules(idle_seconds=0, warn_seconds=300, park_at=22 * 60 + 30, own_guard=True),
    ],
)
def test_it_reads_what_was_written(tmp_path: Path, rules: Rules) -> None:
    assert told(tmp_path, manifest_row("role", rules)) == GuardSettings("role", rules)


@pytest.mark.parametrize(
    ("role", "rules"),
    [("", Rules(idle_seconds=1800)), ("role", Rules()), ("role", Rules(restore_at=480, restore_after_reclaim=True))],
)
def test_what_the_machine_may_not_do_takes_no_room(role: str, rules: Rules) -> None:
    assert manifest_row(role, rules) == {}


@pytest.mark.parametrize(
    "settings", [{}, {"guard": None}, {"guard": {"role": "r"}}, {"guard": {"role": 1, "x": []}}, 7]
)
def test_what_cannot_be_read_guards_nothing(tmp_path: Path, settings: object) -> None:
    assert told(tmp_path, settings) == GuardSettings()
