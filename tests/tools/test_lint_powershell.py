"""The lint tool: this project's scripts pass, and each of its rules can fail."""

from __future__ import annotations

import pytest

from tools.lint_powershell import check_all, lint

OWN = frozenset({"Invoke-Native", "Save-File"})


def told(text: str) -> str:
    return "\n".join(map(str, lint("x.ps1", text + "\n", OWN)))


@pytest.mark.slow
def test_all_scripts_for_all_settings_pass() -> None:
    assert check_all() == []


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("if ($a {", "does not parse"),
        ("$x = '模型'", "not plain ASCII"),
        ("Test-Path 'a' && Test-Path 'b'", "&& is newer than 5.1"),
        ("Test-Path 'a' || Test-Path 'b'", "|| is newer than 5.1"),
        ("$x = $a ?? 3", "does not parse"),
        ("$x = $a ? 1 : 2", "does not parse"),
        ("curl https://x.test", "curl is not a known 5.1 command"),
        ("wget https://x.test", "wget is not a known 5.1 command"),
        ("dir | % { $_ }", "% is not a known 5.1 command"),
        ("ConvertFrom-Json $x -AsHashtable", "ConvertFrom-Json -AsHashtable is not known"),
        ("$a | ForEach-Object -Parallel { $_ }", "ForEach-Object -Parallel is not known"),
        ("Test-Json $x", "Test-Json is not a known 5.1 command"),
        ("Invoke-WebRequest -Uri $u", "downloads only through curl.exe"),
        ("$c = New-Object Net.WebClient", "downloads only through curl.exe"),
        ("$null = Invoke-Native 'curl.exe' '-o C:\\x.exe https://x.test/x.exe' 'x'", "this download has no hash"),
        ("Start-Process -FilePath 'curl.exe' -ArgumentList 'x'", "curl.exe is only called through Invoke-Native"),
        ("$code = Invoke-Native $path '-s -n -noeula' 'driver'", "before its signature is checked"),
        ("icacls.exe 'C:\\x'", "icacls.exe is not a known 5.1 command"),
        ("& $Python -m pip", "$Python is called bare"),
        ("& 'C:\\x.exe'", "is called bare"),
        ("$x = \"$Root/state\"", "forward slashes"),
        ("$x = 'C:/chatglm-6b'", "forward slashes"),
        ("$x = @'\nabc\n'@", "here-string"),
        ("<# words #>", "block comment"),
        ("$x = '</powershell>'", "closing tag"),
    ],
)  # fmt: skip
def test_each_rule_can_fail(script: str, complaint: str) -> None:
    assert complaint in told(script)


@pytest.mark.parametrize(
    "script",
    [
        "& $Do",
        "$ErrorActionPreference = 'Continue'\n& $Python -m guest",
        "$x = 'https://hf-mirror.com/a/b'",
        '$x = "$Root\\state"',
        "$code = Invoke-Native 'icacls.exe' \"$Path /inheritance:r\" 'base'",
        "Save-File $url $path $sha256",
    ],
)
def test_what_is_right_passes(script: str) -> None:
    assert told(script) == ""


def test_a_problem_names_script_and_line() -> None:
    assert told("$a = 1\nwget x").startswith("x.ps1:2: ")
