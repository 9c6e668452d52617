"""Ctrl-C and its kin, in the midst of an update of the real engine: it ends in order, and leaves nothing locked."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from operate.errors import ExitCode
from operate.locks import Lock, find_locks, locked
from operate.stacks import stack_file
from rehearsal.environment import ROOT
from tests.stacks import open_stack
from tools.throwaway import local_cloud
from tools.workspace import Workspace, kill


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Workspace]:
    with local_cloud(tmp_path / "cloud") as port:
        yield open_stack(tmp_path / "stack", tmp_path / "cloud", port)


def start(stack: Workspace, *arguments: str) -> subprocess.Popen[str]:
    """A verb of the command line, in a process group of its own, as a terminal would run it."""
    return subprocess.Popen(
        [sys.executable, "-m", "operate", *arguments, "--stack", stack.stack],
        cwd=stack.project,
        env={**stack.environment, "PYTHONPATH": str(ROOT), "HOME": str(stack.folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], start: str) -> str:
    """What the command says up to the line that begins so."""
    said = ""
    for line in process.stdout or ():
        said += line
        if line.startswith(start):
            return said
    raise AssertionError(f"it ended before it said {start!r}:\n{said}")


def locks(stack: Workspace) -> list[Path]:
    return list((stack.folder / "state" / ".pulumi" / "locks").rglob("*.json"))


@pytest.mark.e2e
@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(each, marks=pytest.mark.whole) for each in (signal.SIGTERM, signal.SIGHUP))],
)
def test_a_signal_ends_the_update_in_order_and_the_next_one_goes_on(stack: Workspace, number: signal.Signals) -> None:
    process = start(stack, "up", "--yes")
    read_until(process, "Making vpc")
    assert len(locks(stack)) == 1
    os.killpg(process.pid, number)  # a terminal signals all that it runs; the engine must hear it once
    rest, _ = process.communicate()
    assert process.returncode == ExitCode.INTERRUPTED, rest
    assert "Ending in order" in rest
    assert "go on from here" in rest
    assert "Traceback" not in rest
    assert locks(stack) == []
    assert stack.up().ok


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGKILL, marks=pytest.mark.whole)])
def test_a_plan_leaves_the_stacks_file_alone_on_every_way_out(stack: Workspace, number: signal.Signals) -> None:
    file = stack_file(stack.project, stack.stack)
    before = file.read_bytes()
    process = start(stack, "park", "--plan")
    while not _previews(process.pid):
        assert process.poll() is None, process.communicate()[0]
    os.kill(process.pid, number)
    process.communicate()
    assert process.returncode in (ExitCode.INTERRUPTED, -signal.SIGKILL)
    assert file.read_bytes() == before
    refused, _ = start(stack, "park", "--plan").communicate()
    assert "neither a machine to park nor an image" in refused
    assert file.read_bytes() == before


def _previews(pid: int) -> bool:
    """Whether the command has started the engine's preview."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return any("preview" in child.cmdline() for child in psutil.Process(pid).children())
    return False


@pytest.mark.e2e
def test_a_killed_engines_lock_is_told_with_its_owner_and_the_command_that_frees_it(stack: Workspace) -> None:
    engine = stack.start_up()
    while not locks(stack):
        assert engine.poll() is None
    kill(engine)
    told = start(stack, "up", "--yes")
    text, _ = told.communicate()
    assert told.returncode == ExitCode.REFUSED
    assert f"process {engine.pid}, which runs no more" in text
    assert f"chatglm pulumi cancel --stack {stack.stack}" in text
    freed = start(stack, "pulumi", "cancel", "--yes")
    assert freed.communicate()[0]
    assert freed.returncode == 0
    assert stack.up().ok


def test_a_lock_of_another_computer_is_never_called_dead() -> None:
    (lock,) = find_locks("file:///x.json: created by ann@elsewhere (pid 999999) at 2026-01-02T03:04:05Z")
    assert lock == Lock("ann", "elsewhere", 999999, "2026-01-02T03:04:05Z")
    assert not lock.dead
    assert "Only if you know" in locked([lock], "dev").hint


def test_a_lock_of_a_living_process_here_is_not_dead() -> None:
    assert not Lock("me", socket.gethostname(), os.getpid(), "now").dead
    assert Lock("me", socket.gethostname(), 2**22 - 1, "then").dead
