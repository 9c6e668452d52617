# ruff: noqa: E501 - a table of short programs reads best with each on a line of its own
"""Windows' rules in PowerShell: names, open files, code page, strict commands."""

from __future__ import annotations

import pytest

from localcloud.windows.world import machine
from localcloud.windows.world.machine import WindowsWorld
from tests.waiting import wait_until

from .conftest import powershell


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[IO.File]::WriteAllText('C:\\Mixed.txt', 'x'); Test-Path C:\\MIXED.TXT; [IO.File]::ReadAllText('c:\\mixed.TXT')", "True x"),
        ("try { [IO.File]::WriteAllText('C:\\a|b', 'x') } catch { 'refused' }", "refused"),
        ("try { [IO.File]::WriteAllText('C:\\nul.txt', 'x') } catch { 'refused' }", "refused"),
        ("(ConvertFrom-Json '{\"t\": \"2026-01-02T03:04:05Z\"}').t.GetType().Name", "String"),
        ("@(ConvertFrom-Json '[1, 2]' | ForEach-Object { 1 }).Count", "1"),
        ("[IO.Path]::Combine('C:\\a', 'b', 'c.txt')", "C:\\a\\b\\c.txt"),
        ("(Get-ScheduledTask -TaskName nobody -ErrorAction SilentlyContinue).State; 'none'", "none"),
    ],
)  # fmt: skip
def test_a_script_finds_windows(world: WindowsWorld, text: str, said: str) -> None:
    assert powershell(world, text).stdout.decode("gbk").split() == said.split()


@pytest.mark.parametrize(
    "text",
    [
        "Remove-Item C:\\held.txt -ErrorAction Stop", "Move-Item C:\\held.txt C:\\other.txt -ErrorAction Stop",
        "[IO.File]::Delete('C:\\held.txt')", "[IO.File]::Move('C:\\held.txt', 'C:\\other.txt')",
        "Remove-Item C:\\folder -Recurse -Force -ErrorAction Stop",
    ],
)  # fmt: skip
def test_what_somebody_has_open_cannot_be_removed_or_renamed(world: WindowsWorld, text: str) -> None:
    hold = (
        "$null = New-Item -ItemType Directory -Force C:\\folder; [IO.File]::WriteAllText('C:\\folder\\x', 'x'); "
        "[IO.File]::WriteAllText('C:\\held.txt', 'x'); $a = [IO.File]::Open('C:\\held.txt', 'Open', 'Read', 'ReadWrite'); "
        "$b = [IO.File]::Open('C:\\folder\\x', 'Open', 'Read', 'ReadWrite'); "
    )
    told = powershell(world, f"{hold} try {{ {text}; 'gone' }} catch {{ \"$_\" }} finally {{ $a.Close(); $b.Close() }}")
    assert "used by another process" in told.stdout.decode("gbk")


def test_text_is_written_in_the_machines_code_page(world: WindowsWorld) -> None:
    powershell(world, "Set-Content C:\\written.log '拒绝访问。'; Add-Content C:\\written.log '第二行'")
    assert world.place("C:\\written.log").read_bytes() == "拒绝访问。\r\n第二行\r\n".encode("gbk")


def test_text_without_a_mark_is_read_in_the_machines_code_page(world: WindowsWorld) -> None:
    world.place("C:\\gbk.log").write_bytes("磁盘空间不足。\r\n拒绝访问。\r\n".encode("gbk"))
    world.place("C:\\utf8.log").write_bytes("磁盘空间不足。".encode())
    assert powershell(world, "Get-Content C:\\gbk.log -Tail 1").stdout.decode("gbk").strip() == "拒绝访问。"
    assert "磁盘" not in powershell(world, "Get-Content C:\\utf8.log").stdout.decode("gbk", "replace")
    assert "磁盘" in powershell(world, "Get-Content C:\\utf8.log -Encoding UTF8").stdout.decode("gbk")


@pytest.mark.parametrize(
    "text",
    [
        "Get-Content C:\\gbk.log -Encoding utf8NoBOM", "New-ScheduledTaskTrigger -AtBoot",
        "Get-NetFirewallRule -Colour red", "Start-Process tar.exe -Arguments x", "Set-Service -Name Nobody -StartupType Automatic",
        "Restart-Computer -Quickly", "Get-CimInstance Win32_Nothing", "Test-Json '{}'", "Get-Item C:\\gbk.log -Colour",
        "New-NetFirewallRule -DisplayName x -Protocol TCP -LocalPort 1 -RemoteAddress @()",
        "New-NetFirewallRule -DisplayName x -Protocol TCP -LocalPort 1 -RemoteAddress Any, 203.0.113.7",
        "Set-Item WSMan:\\localhost\\Service\\Auth\\CbtHardeningLevel Sometimes -Force",
        "Set-ItemProperty HKLM:\\SOFTWARE\\Nowhere -Name x -Value 1 -Type DWord",
    ],
)  # fmt: skip
def test_what_the_real_command_does_not_know_is_an_error(world: WindowsWorld, text: str) -> None:
    told = powershell(
        world, f"$ErrorActionPreference = 'Stop'; try {{ $null = {text}; 'taken' }} catch {{ 'refused' }}"
    )
    assert told.stdout.decode("gbk").split()[-1] == "refused"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (["tar.exe", "--list-everything"], 1), (["taskkill.exe", "/KILL"], 1), (["schtasks.exe", "/Run", "/TN", "nobody"], 1),
        (["icacls.exe", "C:\\Windows", "/grant", "nonsense"], 87), (["curl.exe", "--no-such-option"], 2),
        (["nobody.exe"], 9009), (["powershell.exe", "-File", "C:\\nobody.ps1"], -196608),
    ],
)  # fmt: skip
def test_programs_end_as_the_real_ones_do(world: WindowsWorld, line: list[str], code: int) -> None:
    assert world.run(line).exit_code == code


def test_a_program_that_reads_late_gets_its_whole_input(world: WindowsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # Far more than a pipe holds, and many looks at the power before the first line is read.
    monkeypatch.setattr(machine, "_POWER_SECONDS", 0.01)
    lines = b"0123456789abcde\r\n" * 20_000
    script = "$count = 0; foreach ($line in $input) { $count++ }; $count"
    told = world.run(["powershell.exe", "-NoProfile", "-Command", script], lines)
    assert told.stdout.split() == [b"20000"]


def test_a_task_outlives_who_starts_it_and_its_end_leaves_its_children(world: WindowsWorld) -> None:
    world.place("C:\\child.ps1").write_text("Start-Sleep -Milliseconds 60000\n", encoding="ascii")
    world.place("C:\\task.ps1").write_text(
        "$null = Start-Process powershell.exe -ArgumentList '-File C:\\child.ps1' -WindowStyle Hidden\n"
        "Start-Sleep -Milliseconds 60000\n",
        encoding="ascii",
    )
    register = (
        "$a = New-ScheduledTaskAction -Execute powershell.exe -Argument '-File C:\\task.ps1'; "
        "$null = Register-ScheduledTask -TaskName t -Action $a -User SYSTEM; Start-ScheduledTask -TaskName t"
    )
    assert powershell(world, register).exit_code == 0
    wait_until(lambda: any("child.ps1" in line for line in world.lines()))
    assert powershell(world, "(Get-ScheduledTask -TaskName t).State").stdout.split() == [b"Running"]
    assert powershell(world, "Stop-ScheduledTask -TaskName t").exit_code == 0
    wait_until(lambda: not any("task.ps1" in line for line in world.lines()))
    assert [line for line in world.lines() if "child.ps1" in line] == ["powershell.exe -File C:\\child.ps1"]
