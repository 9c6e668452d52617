"""Processes that outlive their starter, and the task that Windows is given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from guest.process import Identity, kill_tree, spawn, start_detached, start_mark, task_xml
from tests.waiting import HANG_SECONDS, wait_until


def whole_line(log: Path) -> str:
    """The first line of a log that a living process writes, once it is whole: a print is not always one write."""
    line, end, _ = log.read_text().partition("\n") if log.exists() else ("", "", "")
    return line + end if end else ""


def test_a_number_that_was_used_again_is_not_the_same_process() -> None:
    me = Identity.of(os.getpid())
    assert me.is_alive()
    assert not Identity(me.pid, me.mark + "0").is_alive()
    assert Identity.from_dict(me.as_dict()) == me


def test_a_process_that_ended_is_not_alive_even_before_it_was_waited_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    wait_until(lambda: start_mark(child.pid) is None)
    child.wait()


def test_ending_a_process_ends_its_children(tmp_path: Path) -> None:
    code = "import subprocess,sys; p=subprocess.Popen(['sleep','60']); print(p.pid, flush=True); p.wait()"
    log = tmp_path / "log"
    child = spawn([sys.executable, "-c", code], directory=tmp_path, environment={}, log=log)
    grandchild = int(wait_until(lambda: whole_line(log)))
    kill_tree(Identity.of(child.pid))
    child.wait(HANG_SECONDS)
    wait_until(lambda: start_mark(grandchild) is None)


def test_a_detached_program_lives_on_when_its_starter_and_its_group_are_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from guest.process import start_detached\n"
        "start_detached(['-c', 'import os,time; print(os.getpid(), flush=True); time.sleep(60)'],"
        " directory=Path('.'), log=Path(sys.argv[1]))"
    )
    log = tmp_path / "log"
    starter = spawn(
        [sys.executable, "-c", code, str(log)],
        directory=Path(__file__).parents[2],
        environment={},
        log=tmp_path / "starter.log",
    )
    identity = Identity.of(int(wait_until(lambda: whole_line(log))))
    kill_tree(Identity.of(starter.pid))
    starter.wait(HANG_SECONDS)
    assert identity.is_alive()
    kill_tree(identity)


def test_output_of_a_detached_program_goes_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    start_detached(["-c", "print('here')"], directory=tmp_path, log=log)
    assert wait_until(lambda: whole_line(log)) == "here\n"


def test_the_windows_task_has_no_time_limit_runs_as_system_and_quotes_its_paths() -> None:
    xml = task_xml(
        ["-m", "guest.training.supervise", r"C:\chat glm\runs\a&b\job.json"],
        python=r"C:\venv\python.exe",
        directory=r"C:\chat glm",
        log=r"C:\chat glm\log.txt",
    )
    task = ElementTree.fromstring(xml.partition("?>")[2])  # noqa: S314 - the project's own
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    found = {path: task.findtext(f".//t:{path}", namespaces=space) for path in ("UserId", "ExecutionTimeLimit")}
    assert found == {"UserId": "S-1-5-18", "ExecutionTimeLimit": "PT0S"}
    assert task.findtext(".//t:DisallowStartIfOnBatteries", namespaces=space) == "false"
    assert task.findtext(".//t:WorkingDirectory", namespaces=space) == r"C:\chat glm"
    assert task.findtext(".//t:Arguments", namespaces=space) == (
        r'/d /c "C:\venv\python.exe -m guest.training.supervise "C:\chat glm\runs\a&b\job.json" '
        r'>> "C:\chat glm\log.txt" 2>&1"'
    )
