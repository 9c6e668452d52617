from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.windows.world import engine
from localcloud.windows.world.internet import LocalInternet
from localcloud.windows.world.machine import Answer, WindowsWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WindowsWorld]:
    """A machine with nothing on it but Windows, powered on."""
    if engine.find_pwsh() is None:
        pytest.skip(engine.describe())
    disk = tmp_path_factory.mktemp("disk")
    internet = LocalInternet(disk / "local-guest", {"instance-id": "ins-1"}.get)
    machine = WindowsWorld(disk, "ins-1", internet)
    machine.power_on()
    yield machine
    machine.kill()
    internet.close()


def powershell(world: WindowsWorld, text: str) -> Answer:
    return world.run(["powershell.exe", "-NoProfile", "-Command", text])


@pytest.fixture(scope="module")
def python(world: WindowsWorld) -> Path:
    """The environment's Python, as Miniconda's installer and venv leave it."""
    from localcloud.windows.world.inside import starting

    for folder in ("C:\\miniconda3", "C:\\chatglm\\venv\\Scripts"):
        place = world.place(folder)
        place.mkdir(parents=True)
        (place / "python.exe").write_bytes(starting.stub("python.exe"))
        (place / "python.exe").chmod(0o755)
    world.place("C:\\chatglm\\venv\\pyvenv.cfg").write_text("home = C:\\miniconda3\n", encoding="utf-8")
    return world.place("C:\\chatglm\\venv\\Scripts\\python.exe")


def run_python(world: WindowsWorld, code: str) -> Answer:
    """Python with Conda's libraries on its PATH, as the scripts start it."""
    surroundings = "$env:PATH += ';C:\\miniconda3\\Library\\bin'; $env:PYTHONUTF8 = '1'"
    call = f"{surroundings}; & 'C:\\chatglm\\venv\\Scripts\\python.exe' C:\\code.py"
    world.place("C:\\code.py").write_text(code, encoding="utf-8")
    return powershell(world, f"{call}; exit $LASTEXITCODE")
