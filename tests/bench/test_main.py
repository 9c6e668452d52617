"""`python -m bench`: figures by name, and what it says of a name that it does not know."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from bench.__main__ import main


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(main)
    return app


def test_a_figure_is_measured_by_its_name(command: typer.Typer) -> None:
    told = CliRunner().invoke(command, ["import_circles"])
    assert told.output.split()[:2] == ["import_circles", "0.000"]
    assert told.exit_code == 0


def test_names_that_it_does_not_know_are_said_at_once(command: typer.Typer) -> None:
    told = CliRunner().invoke(command, ["lief", "import_circles", "bogus"], env={"COLUMNS": "400"})
    assert told.exit_code == 2
    assert "There is no lief, bogus; there are life, " in told.output
    assert "Traceback" not in told.output
