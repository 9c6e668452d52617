"""Command lines are taken apart as Windows and PowerShell do it."""

from __future__ import annotations

import base64
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.windows.powershell import FileCall, ScriptCall, read_powershell
from localcloud.windows.world.inside.command_line import split

ENTRY = "C:\\chatglm\\chatglm.ps1"


# The standard library quotes for the same rules. A line break in an argument does not reach a Windows program whole.
@given(st.lists(st.text(st.characters(blacklist_categories=("Cc", "Cs"))), min_size=1))
def test_splitting_undoes_the_quoting_of_the_standard_library(words: list[str]) -> None:
    assert split(subprocess.list2cmdline(words)) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r'a "b c" d', ["a", "b c", "d"]),
        (r'"a\\" b', ["a\\", "b"]),
        (r"a\b\\c", ["a\\b\\\\c"]),
        (r'"say \"hi\""', ['say "hi"']),
        (r'"a""b"', ['a"b']),
        (r'"open end', ["open end"]),
        ("", []),
    ],
)
def test_splitting(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize(
    "line",
    [
        f"powershell -File {ENTRY} status",
        f"powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File {ENTRY} status",
        f"POWERSHELL.EXE -nop -noni -ep bypass -f {ENTRY} status",
        f"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe -file {ENTRY} status",
    ],
)
def test_files(line: str) -> None:
    assert read_powershell(line) == FileCall(ENTRY, ("status",))


def test_json_survives_as_an_argument() -> None:
    text = '{"name": "a b", "path": "C:\\\\x", "quote": "\\""}'
    line = subprocess.list2cmdline(["powershell.exe", "-File", ENTRY, "train", text])
    assert read_powershell(line) == FileCall(ENTRY, ("train", text))


@pytest.mark.parametrize("option", ["-EncodedCommand", "-encodedcommand", "-enc", "-ec", "-e"])
def test_encoded_scripts(option: str) -> None:
    encoded = base64.b64encode("echo '你好'".encode("utf-16-le")).decode("ascii")
    assert read_powershell(f"powershell {option} {encoded}") == ScriptCall("echo '你好'", encoded=True)


@pytest.mark.parametrize(
    "line",
    ["", "cmd /c dir", "powershell", "powershell -File", "powershell -EncodedCommand ???", "mypowershell.exe -File x"],
)
def test_everything_else_is_not_understood(line: str) -> None:
    assert read_powershell(line) is None
