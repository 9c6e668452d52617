"""The twin in Python and the machine that executes its scripts tell the same, in the same order."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from localcloud.clock import Clock
from localcloud.guest_runtime import GuestMachine
from localcloud.windows.runtime import LocalGuests
from tests.waiting import wait_until
from tests.windows.trial import Trial

pytestmark = pytest.mark.slow

#: What one of them tells and the other does not, and why.
ONLY_TWIN = {"simulated"}  # says so, as nothing was installed
ONLY_WORLD = {"pid", "manifest", "beat", "messageId", "parts", "secondStage", "error"}  # of the process that installs


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[LocalGuests]:
    guests = LocalGuests(tmp_path / "twin")
    yield guests
    guests.close()


def machine_of(trial: Trial, disk: Path, instance_id: str) -> GuestMachine:
    disk.mkdir(parents=True, exist_ok=True)
    return GuestMachine(
        instance_id, "", disk, "chatglm", "Administrator", "P@ssw0rd 1", trial.rendered.user_data.encode("ascii"),
        Clock(speed=float("inf")), "http://127.0.0.1:9/metadata/ins-1",
    )  # fmt: skip


def play(twin: LocalGuests, trial: Trial, machine: GuestMachine) -> dict[str, Any]:
    """Let the twin install the machine; the status at the end."""
    twin.launch(machine)
    inbox = machine.disk / "chatglm" / "inbox"
    wait_until((machine.disk / "chatglm" / "state").is_dir)
    inbox.mkdir(exist_ok=True)
    (inbox / "stage2.part").write_bytes(trial.rendered.second_stage)
    (inbox / "stage2.part").replace(inbox / "stage2.zip")
    wait_until(lambda: twin.is_ready(machine.instance_id))
    status: dict[str, Any] = json.loads((machine.disk / "chatglm/state/status.json").read_text(encoding="utf-8"))
    return status


def test_both_tell_the_same_documents_in_the_same_order(
    twin: LocalGuests, trial: Trial, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    played = play(twin, trial, machine_of(trial, tmp_path / "played", "ins-1"))
    executed = trial.install()

    assert set(played) - ONLY_TWIN <= set(executed)
    assert set(executed) - ONLY_WORLD <= set(played)
    assert [step["name"] for step in played["steps"]] == [step["name"] for step in executed["steps"]]
    assert [step["state"] for step in played["steps"]] == [step["state"] for step in executed["steps"]]
    for name in ("schema", "phase", "step", "waitsFor", "machine"):
        assert played[name] == executed[name], name

    # Restored: the tasks of the disk first, then the user data of the new machine, which starts the task anew.
    twin.stop("ins-1")
    caplog.clear()
    shutil.copytree(tmp_path / "played", tmp_path / "played-again")
    again = machine_of(trial, tmp_path / "played-again", "ins-2")
    play(twin, trial, replace(again, instance_id="ins-2"))
    order = [record.getMessage().partition(": ")[2] for record in caplog.records if "ins-2: " in record.getMessage()]
    restored = trial.restore("ins-2")
    try:
        restored.install()
        told = [entry["detail"] for entry in restored.machine.journal("boot")]
    finally:
        restored.close()
    assert order[:2] == told[:2] == ["the start-up task begins", "user data runs"]
