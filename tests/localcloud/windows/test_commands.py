"""`python -m localcloud guest-fault`."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from localcloud.windows.commands import guest_fault
from localcloud.windows.faults import FaultKind, FaultQueue, GuestFault

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(guest_fault)


def test_a_fault_is_queued_and_shown(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["install-fails", "--step", "torch", "--times", "3", "--data", str(tmp_path)])
    assert answer.output == "install-fails in the step torch, 3 time(s), for *\n"
    assert FaultQueue(tmp_path).claim("ins-a") == [GuestFault(FaultKind.INSTALL_FAILS, "torch", 3)]


def test_clear(tmp_path: Path) -> None:
    FaultQueue(tmp_path).add(FaultKind.REBOOT)
    assert CliRunner().invoke(app, ["clear", "--data", str(tmp_path)]).output == "No faults are waiting.\n"


def test_an_unknown_fault_names_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'fire' is no fault.*cut-download"):
        CliRunner().invoke(app, ["fire", "--data", str(tmp_path)], catch_exceptions=False)
