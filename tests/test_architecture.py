"""The floors of the house: an import never runs back up, and none runs in a circle.

The floors themselves stand in `pyproject.toml`, for `lint-imports`; imports inside functions and for types count.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.import_circles import ROOMS, find_circles

ROOT = Path(__file__).parents[1]


def test_no_import_runs_back_up() -> None:
    # In a process of its own: its command switches off every logger that is there, those of later tests too.
    lint = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    run = subprocess.run([sys.executable, "-c", lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_a_setting_that_reaches_the_machine_stands_in_five_files_at_most() -> None:
    """Declared, said in Chinese, told the machine, used there; this one stands in a hint, and in its twin, as well."""
    found = subprocess.run(
        ["git", "grep", "-lE", "page_?[fF]ile_?[gG]b", "--", *ROOMS, "templates"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert {one for one in found if not one.startswith(("bench/", "tools/", "words/"))} == {
        "components/bootstrap/manifest.py",
        "components/bootstrap/settings.py",
        "components/settings_words.py",
        "guest/failures.py",
        "templates/steps/windows.ps1.j2",
    }


def test_no_import_runs_in_a_circle() -> None:
    assert find_circles(*ROOMS) == set()


def test_a_circle_inside_functions_or_for_types_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "roundabout"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "first.py").write_text("def late():\n    from roundabout import second\n", encoding="utf-8")
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from roundabout import first\n"
    (package / "second.py").write_text(typed, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_circles("roundabout") == {frozenset({"roundabout.first", "roundabout.second"})}
    sys.modules.pop("roundabout", None)
