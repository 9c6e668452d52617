"""How the machine's complaints become ends of commands."""

from __future__ import annotations

import json
from typing import Any

import pytest

from line.channel import read_document
from line.winrm import WinRmChannel
from operate.channel import MachineChannel
from operate.errors import ExitCode, OperateError
from words import speaking


class Complaining(WinRmChannel):
    """A machine that answers every verb with one trouble."""

    def __init__(self, trouble: dict[str, Any]) -> None:
        self._trouble = trouble

    def run_verb(self, verb: str, *_: Any, **__: Any) -> dict[str, Any]:
        return read_document(verb, json.dumps({"error": self._trouble}).encode(), b"", 1)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    ("trouble", "code"), [("python.missing", ExitCode.NOT_YET), ("python.broken", ExitCode.FAILED)]
)
def test_a_machine_that_is_not_so_far_yet_is_no_failure_in_either_language(
    language: str, trouble: str, code: ExitCode
) -> None:
    machine = Complaining({"id": trouble, "message": "{0} needs Python", "args": ["train"], "hint": "See status."})
    with speaking(language), pytest.raises(OperateError) as told:
        MachineChannel(machine).ask("train")
    assert told.value.code is code
