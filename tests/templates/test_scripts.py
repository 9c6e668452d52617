"""The rendered scripts: as they were looked at last (snapshots), and the shape that all steps share.

After a wanted change: UPDATE_SNAPSHOTS=1 pytest tests/templates, and read the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from components.bootstrap.manifest import STEPS
from components.bootstrap.powershell import environment
from components.bootstrap.render import scripts

SNAPSHOTS = Path(__file__).with_name("snapshots")
RENDERED = scripts() | {"user_data.ps1": environment().get_template("user_data.ps1.j2").render(payload="PAYLOAD")}


@pytest.mark.parametrize("name", sorted(RENDERED))
def test_the_text_is_the_one_that_was_looked_at(name: str) -> None:
    snapshot = SNAPSHOTS / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(parents=True, exist_ok=True)
        snapshot.write_text(RENDERED[name], encoding="ascii")
    assert RENDERED[name] == snapshot.read_text(encoding="ascii")


def test_no_snapshot_is_left_over() -> None:
    assert {path.relative_to(SNAPSHOTS).as_posix() for path in SNAPSHOTS.rglob("*.ps1")} == set(RENDERED)


@pytest.mark.parametrize("step", [step.name for step in STEPS])
def test_every_step_says_what_it_is_whether_it_is_done_what_to_do_and_how_to_check(step: str) -> None:
    text = RENDERED[f"steps/{step}.ps1"]
    assert text.startswith("# ")
    blocks = re.findall(r"^\$(Done|Do|Check) = \{", text, re.MULTILINE)
    assert blocks == ["Done", "Do", "Check"]


def test_the_driver_is_checked_by_signature_and_decided_by_nvidia_smi() -> None:
    text = RENDERED["steps/driver.ps1"]
    assert text.index("Get-AuthenticodeSignature") < text.index("-s -n -noeula")
    assert "if (-not (Test-Driver))" in text


def test_the_toolkit_comes_without_its_driver() -> None:
    assert "Display.Driver" not in RENDERED["steps/cuda.ps1"]
    assert "'nvcc'" in RENDERED["steps/cuda.ps1"]


def test_miniconda_gets_its_target_last_and_unquoted_and_no_channel_is_asked() -> None:
    text = RENDERED["steps/python.ps1"]
    assert '/S /D=$Conda"' in text
    assert "conda.exe" not in text
    assert "-m venv" in text


def test_packages_are_installed_by_hash_without_resolving() -> None:
    assert "--require-hashes --no-deps --no-build-isolation" in RENDERED["steps/packages.ps1"]


def test_the_model_path_reaches_python_with_backslashes() -> None:
    assert "$ModelFolder = 'C:\\chatglm-6b'" in RENDERED["lib.ps1"]


def test_winrm_is_https_only_and_binds_log_ins_to_the_channel() -> None:
    text = RENDERED["steps/base.ps1"]
    assert "'AllowUnencrypted' = 'false'" in text
    assert "'Auth\\CbtHardeningLevel' = 'Strict'" in text
    assert "-Transport HTTPS" in text
    assert "Transport HTTP " not in text


def test_defenders_exclusions_are_taken_back_however_it_ends() -> None:
    text = RENDERED["bootstrap.ps1"]
    assert text.index("} finally {") < text.index("Remove-MpPreference")


def test_folders_that_system_runs_from_are_closed_to_others() -> None:
    assert "Protect-Folder $Conda" in RENDERED["steps/python.ps1"]
    assert "Protect-Folder $folder" in RENDERED["steps/base.ps1"]
