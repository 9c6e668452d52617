"""The first screens: both languages, an example and the exit codes for everyone."""

from __future__ import annotations

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from operate.app import app
from operate.failures import MEANINGS, ExitCode
from tools.workspace import ROOT

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def test_the_first_screen_speaks_both_languages_and_names_the_exit_codes() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
    assert "Run the ChatGLM machine" in text
    assert "管理 ChatGLM 机器" in text
    assert all(meaning in text for meaning in MEANINGS.values())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_json_and_a_stack(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "120"}).output
    assert f"Example: chatglm {command}" in text
    assert "--json" in text
    assert "--stack" in text


@pytest.mark.parametrize("name", ["operate.md", "operate.zh-CN.md"])
def test_the_documentation_names_every_command_and_exit_code(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert [command for command in COMMANDS if f"chatglm {command}" not in text] == []
    assert [int(code) for code in ExitCode if f"| {int(code)} |" not in text] == []


def test_the_package_knows_every_exit_code() -> None:
    assert set(MEANINGS) == set(ExitCode)
