"""The lists of packages agree with one another."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ \\\n]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(_PIN.findall((ROOT / name).read_text(encoding="utf-8")))


def test_the_machines_packages_are_tested_in_the_machines_versions() -> None:
    tested, machine = pins("requirements-machine.txt"), pins("guest/requirements-windows.txt")
    shared = tested.keys() & machine.keys()
    assert {"pydantic", "charset-normalizer", "psutil"} <= shared
    assert {name: tested[name] for name in shared} == {name: machine[name] for name in shared}


def test_every_package_that_is_asked_for_is_locked_as_asked() -> None:
    for asked, lock in (("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt")):
        locked = {name.lower().replace("_", "-"): version for name, version in pins(lock).items()}
        for name, version in pins(asked).items():
            assert locked[name.lower().replace("_", "-")] == version


def test_no_lock_names_a_place_of_the_computer_that_made_it() -> None:
    for lock in sorted(ROOT.glob("**/requirements*.txt")):
        if not {".venv", ".local"} & set(lock.parts):
            options = [line for line in lock.read_text(encoding="utf-8").splitlines() if line.startswith("--")]
            assert [line for line in options if "index" in line or "find-links" in line] == [], lock.name
