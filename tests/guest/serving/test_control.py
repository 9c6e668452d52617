"""Switching the demo on and off from other processes."""

from __future__ import annotations

import os
from pathlib import Path

from guest.files import write_json
from guest.machine import Machine
from guest.phrases import phrase, wire
from guest.process import Identity
from guest.serving import state
from guest.serving.control import Demo


def test_why_the_demo_does_not_answer_can_be_worded_in_another_language(tmp_path: Path) -> None:
    machine = Machine(tmp_path, tmp_path / "source", tmp_path / "model")
    why = phrase("{why} It is started again in {pause:.0f} s.", why=phrase("Another program has the port."), pause=60)
    state.want(machine.root, state.RUNNING)
    told = {"state": state.FAILED, "wish": state.wanted(machine.root)[1], "error": {"message": why, "final": True}}
    write_json(machine.state / "demo.json", {**told, "supervisor": Identity.of(os.getpid()).as_dict()})
    reason = Demo(machine).wait_until_answers(0)
    assert reason == "Another program has the port. It is started again in 60 s."
    assert wire(reason) == wire(why)
