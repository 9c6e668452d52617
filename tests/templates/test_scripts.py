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
    assert "'AllowBasic', 'AllowUnencryptedTraffic') { Set-ItemProperty -Path $policy -Name $name -Value 0" in text
    assert "-Name CbtHardeningLevel -Value 'Strict'" in text
    assert "-Transport HTTPS" in text
    assert "Transport HTTP " not in text


def test_defenders_exclusions_are_taken_back_however_it_ends() -> None:
    text = RENDERED["install.ps1"]
    assert text.index("} finally {") < text.index("Remove-MpPreference")


def test_folders_that_system_runs_from_are_closed_to_others() -> None:
    assert "Protect-Folder $Conda" in RENDERED["steps/python.ps1"]
    assert "Protect-Folder $folder" in RENDERED["steps/windows.ps1"]


@pytest.mark.parametrize("name", ["lib.ps1", "common.ps1", "chatglm.ps1", "verbs.ps1"])
def test_what_a_verb_reads_prints_nothing_beside_its_document(name: str) -> None:
    # powershell.exe -File sends the host's words to standard output too.
    assert "Write-Host" not in RENDERED[name]


def test_every_trouble_has_a_name_of_its_own_form_and_no_sentence_has_two() -> None:
    named: dict[str, set[str]] = {}
    for text in RENDERED.values():
        for trouble, sentence in re.findall(r"New-Trouble '([^']+)' '((?:[^']|'')+)'", text):
            assert re.fullmatch(r"[a-z0-9]+(-[a-z]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)?", trouble), trouble
            named.setdefault(sentence, set()).add(trouble)
    assert {sentence: names for sentence, names in named.items() if len(names) > 1} == {}


def test_the_full_toolkit_can_build_against_every_library_that_it_has() -> None:
    text = RENDERED["steps/cuda.ps1"]
    for library in ("cublas", "nvrtc", "cufft", "curand", "cusolver", "cusparse"):
        assert f"'{library}', '{library}_dev'" in text


def test_the_firewall_comes_before_winrm_and_nobody_is_shut_out_in_between() -> None:
    text = RENDERED["steps/base.ps1"]
    assert text.index("New-NetFirewallRule") < text.index("Remove-NetFirewallRule") < text.index("Start-Service")


def test_the_user_data_has_no_idiom_of_a_dropper() -> None:
    text = RENDERED["user_data.ps1"]
    assert not re.search(r"Deflate|GZip|IO\.Compression|Invoke-Expression|iex|MemoryStream", text)


def test_a_compiled_file_of_before_is_never_taken_for_the_new_one() -> None:
    # The zip's times are all the same; tar must not restore them.
    assert "-xmf $zip" in RENDERED["bootstrap.ps1"]
