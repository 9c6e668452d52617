from __future__ import annotations

import hashlib
from pathlib import Path

import typer
from typer.testing import CliRunner

from components.bootstrap.render import render
from components.bootstrap.settings import BootstrapSettings
from tools.powershell_matrix import inputs
from tools.second_stage import main


def test_the_file_is_the_one_that_machines_ask_for(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(main)
    told = CliRunner().invoke(app, [str(tmp_path / "stage2.zip")])
    expected = render(inputs(BootstrapSettings())).second_stage_sha256
    assert told.exit_code == 0
    assert hashlib.sha256((tmp_path / "stage2.zip").read_bytes()).hexdigest() == expected
    assert expected in told.output
