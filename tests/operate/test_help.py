"""The first screens: both languages, an example and the exit codes for everyone."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from operate.app import app
from operate.errors import MEANINGS, ExitCode
from rehearsal.environment import ROOT

#: What they print is one thing in any case.
WITHOUT_JSON = ("policy", "pulumi")
COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]


def helped(language: str, *arguments: str) -> str:
    """What a person of that language sees, on a narrow screen: in a process of its own, as typer's words are."""
    run = subprocess.run(
        [sys.executable, "-m", "operate", *arguments, "--help"],
        cwd=ROOT,
        env={**os.environ, "CHATGLM_LANG": language, "COLUMNS": "80"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return run.stdout


def test_the_first_screen_names_the_exit_codes_and_how_to_have_chinese() -> None:
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
    assert "Run the ChatGLM machine" in text
    assert "中文：CHATGLM_LANG=zh" in text
    assert all(meaning in text for meaning in MEANINGS.values())


@pytest.mark.parametrize("command", ["", "train", "destroy"])
def test_the_help_is_chinese_for_who_reads_chinese(command: str) -> None:
    text = helped("zh", *filter(None, [command]))
    # Names, commands and examples stay; a sentence in English would have two small words side by side.
    prose = [line for line in text.splitlines() if "示例" not in line and "用法" not in line and "English:" not in line]
    assert [line for line in prose if re.search(r"[a-z]{3,} [a-z]{3,} [a-z]{3,}", line)] == []
    assert "示例：chatglm" in text
    assert "显示本帮助并退出" in text
    assert "…" not in text, "a Chinese sentence has no blanks to break at, and is not cut for it"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nope",), "没有命令 'nope'。是不是想写 'open'？"),
        (("logs",), "缺少参数 'STEP|demo|train'。"),
        (("logs", "x", "--lines", "a"), "'--lines' / '-n' 的值不对：应为整数"),
        (("watch", "--every", "0"), "'--every' 的值不对：应不小于 0.2"),
        (("up", "--nope"), "没有选项：--nope"),
    ],
)
def test_a_mistyped_call_is_told_in_chinese(arguments: tuple[str, ...], said: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "operate", *arguments],
        cwd=ROOT,
        env={**os.environ, "CHATGLM_LANG": "zh", "COLUMNS": "100"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 2
    assert said in run.stderr
    assert "--help' 查看帮助" in run.stderr


@pytest.mark.parametrize("program", ["operate", "localcloud"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_pipe_that_cannot_show_chinese_gets_escapes_and_no_traceback(program: str, language: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", program, "--help"],
        cwd=ROOT,
        env={**os.environ, "CHATGLM_LANG": language, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert run.stdout.decode("cp1252")


def test_a_sentence_is_not_translated_for_who_reads_english() -> None:
    assert not re.search("[\u4e00-\u9fff]", helped("en", "train"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_json_and_a_stack(command: str) -> None:
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "120"}).output
    assert f"Example: chatglm {command}" in text
    assert "--json" in text or command in WITHOUT_JSON
    assert "--stack" in text or command == "policy"


@pytest.mark.parametrize("name", ["operate.md", "operate.zh-CN.md"])
def test_the_documentation_names_every_command_and_exit_code(name: str) -> None:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert [command for command in COMMANDS if f"chatglm {command}" not in text] == []
    assert [int(code) for code in ExitCode if f"| {int(code)} |" not in text] == []


def test_the_package_knows_every_exit_code() -> None:
    assert set(MEANINGS) == set(ExitCode)
