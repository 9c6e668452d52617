"""A program that the task scheduler starts finds Conda's libraries, and so do its children."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.libraries import FOLDERS, find_libraries
from guest.machine import Machine


def test_the_folders_come_behind_windows_own_and_once() -> None:
    environment = {"PATH": "C:\\Windows\\System32;C:\\Windows"}
    for _ in range(2):
        find_libraries(environment)
    assert environment["PATH"].split(";") == ["C:\\Windows\\System32", "C:\\Windows", *FOLDERS]


def test_folders_that_are_there_already_are_not_added_in_another_spelling() -> None:
    environment = {"PATH": "c:\\MINICONDA3\\;C:\\miniconda3\\library\\BIN"}
    find_libraries(environment)
    assert environment["PATH"] == "c:\\MINICONDA3\\;C:\\miniconda3\\library\\BIN"


@pytest.mark.parametrize("python", ["venv/Scripts/python.exe", "miniconda3/python.exe"])
def test_the_libraries_of_torch_are_found_in_an_environment_and_in_condas_base(tmp_path: Path, python: str) -> None:
    program = tmp_path / python
    home = program.parents[1] if program.parent.name == "Scripts" else program.parent
    libraries = home / "Lib" / "site-packages" / "torch" / "lib"
    libraries.mkdir(parents=True)
    machine = Machine(tmp_path, tmp_path / "source", tmp_path / "model", program)
    assert machine.upstream_environment()["PATH"].startswith(str(libraries))
