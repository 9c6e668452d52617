# ruff: noqa: E501 - a table of short programs reads best with each on a line of its own
"""Windows' rules in the machine's Python."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from line.demo_certificate import make
from localcloud.windows.world.machine import WindowsWorld
from rehearsal.environment import ROOT
from tests.waiting import wait_until

from .conftest import run_python

SAYS = "import json, os, sys, pathlib, subprocess, shutil, socket\n"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print(os.name, sys.platform, sys.version_info[:2])", "nt win32 (3, 10)"),
        ("print(pathlib.Path('C:/chatglm') / 'state', os.sep, os.pathsep)", "C:\\chatglm\\state \\ ;"),
        ("open('C:\\\\Case.txt', 'w').write('x'); print(open('c:\\\\CASE.TXT').read())", "x"),
        ("print(pathlib.Path(__file__).resolve(), sys.executable)", "C:\\code.py C:\\chatglm\\venv\\Scripts\\python.exe"),
        ("f = open('C:\\\\open.txt', 'w')\ntry: os.remove('C:\\\\open.txt')\nexcept PermissionError as e: print(e.winerror)", "32"),
        ("f = open('C:\\\\o', 'w')\nopen('C:\\\\n', 'w').close()\ntry: os.replace('C:\\\\n', 'C:\\\\o')\nexcept PermissionError as e: print(e.winerror)", "5"),
        ("open('C:\\\\p', 'w').close(); open('C:\\\\q', 'w').close()\ntry: os.rename('C:\\\\p', 'C:\\\\q')\nexcept FileExistsError: print('there')", "there"),
        ("os.makedirs('C:\\\\here', exist_ok=True); os.chdir('C:\\\\here')\ntry: os.rmdir('C:\\\\here')\nexcept PermissionError as e: print(e.winerror)", "32"),
        ("try: open('C:\\\\what?.txt', 'w')\nexcept OSError: print('name')", "name"),
        ("try: subprocess.run(['nobody.exe'])\nexcept FileNotFoundError: print('none')", "none"),
        ("p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); p.kill(); print(p.wait())", "1"),
        ("p = subprocess.run([sys.executable, '-c', 'import os; print(os.getpid())'], capture_output=True, text=True); q = subprocess.Popen([sys.executable, '-c', 'pass']); print(q.wait(), p.stdout.strip().isdigit())", "0 True"),
        ("print(hasattr(os, 'fork'), hasattr(os, 'killpg'), shutil.which('curl') is not None)", "False False True"),
        ("open('C:\\\\lines', 'w').write('a\\nb'); print(open('C:\\\\lines', 'rb').read())", "b'a\\r\\nb'"),
        ("import ssl, sqlite3, ctypes; print('libraries')", "libraries"),
    ],
)  # fmt: skip
def test_python_finds_windows(world: WindowsWorld, python: Path, code: str, said: str) -> None:
    told = run_python(world, SAYS + code)
    assert told.stdout.decode("utf-8").split() == said.split(), told.stderr.decode("gbk", "replace")


def test_a_key_is_found_by_its_windows_path(world: WindowsWorld, python: Path) -> None:
    world.place("C:\\both.pem").write_bytes(make("203.0.113.9", datetime.now(UTC)).both)
    code = "import ssl\nssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain('c:\\\\Both.pem'); print('loaded')"
    told = run_python(world, code)
    assert told.stdout.split() == [b"loaded"], told.stderr.decode("gbk", "replace")


def test_the_launchers_child_is_another_process_and_ends_with_it(world: WindowsWorld, python: Path) -> None:
    told = run_python(
        world,
        SAYS
        + "p = subprocess.Popen([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'], "
        "stdout=subprocess.PIPE)\nchild = int(p.stdout.readline())\np.kill(); p.wait()\n"
        "print(child != p.pid)\n",
    )
    assert told.stdout.split() == [b"True"]
    wait_until(lambda: not [line for line in world.lines() if "os.getpid" in line])


GUEST = (
    "import json, pathlib\n"
    "from guest.unattended import desktops, volumes\n"
    "volumes.flush(pathlib.Path('C:\\\\chatglm'))\n"
    "print(desktops.sessions())\n"
)


@pytest.mark.parametrize(
    ("sessions", "people"),
    [
        ({}, 0),
        ({"1": {"user": "", "state": 0, "protocol": 0}}, 0),  # the console, at which nobody has logged in
        ({"2": {"user": "Administrator", "state": 0, "protocol": 2}}, 1),
        ({"2": {"user": "Administrator", "state": 4, "protocol": 2}}, 0),  # its window was closed
        ({"1": {"user": "Administrator", "state": 0, "protocol": 0}, "3": {"user": "other", "state": 0, "protocol": 2}}, 1),
    ],
)  # fmt: skip
def test_windows_tells_who_is_connected_and_flushes_its_volume(
    world: WindowsWorld, python: Path, sessions: dict[str, object], people: int
) -> None:
    shutil.copytree(ROOT / "guest", world.place("C:\\chatglm\\guest"), dirs_exist_ok=True)
    (world.state / "sessions.json").write_text(json.dumps(sessions), encoding="utf-8")
    before = len(world.journal("volume"))
    told = run_python(world, "import sys; sys.path.insert(0, 'C:\\\\chatglm')\n" + GUEST)
    assert told.stdout.split() == [str(people).encode()], told.stderr.decode("gbk", "replace")
    assert len(world.journal("volume")) == before + 1
