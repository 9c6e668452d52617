"""What the job on Windows is made of; the whole runs on a GitHub runner alone, and says so elsewhere."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from localcloud.windows.world.internet import LocalInternet
from tests.windows.trial import rendered
from tools import windows_job


def test_it_refuses_to_install_a_machine_on_a_persons_computer() -> None:
    done = subprocess.run([sys.executable, "-m", "tools.windows_job"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "GitHub runner" in done.stdout


def test_a_stood_in_installer_is_a_launcher_with_a_program_behind_it(tmp_path: Path) -> None:
    made = windows_job.installers(b"MZ launcher", sys.executable)
    assert set(made) == {"miniconda", "cuda", "driver"}
    assert all(body.startswith(b"MZ launcher#!") for body in made.values())
    target = tmp_path / "python"
    installer = tmp_path / "miniconda.exe"
    installer.write_bytes(windows_job.program("import sys; print(sys.argv[1:])", b"MZ", sys.executable))
    told = subprocess.run([sys.executable, installer, "/S", f"/D={target}"], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == repr(["/S", f"/D={target}"])


def test_only_the_drivers_step_of_the_second_stage_is_changed() -> None:
    old = rendered().second_stage
    new = windows_job.with_stand_ins(old)
    with zipfile.ZipFile(io.BytesIO(old)) as before, zipfile.ZipFile(io.BytesIO(new)) as after:
        assert before.namelist() == after.namelist()
        changed = [name for name in before.namelist() if before.read(name) != after.read(name)]
        assert changed == ["steps/driver.ps1"]
        assert after.read("steps/driver.ps1").endswith(before.read("steps/driver.ps1"))
        assert after.read("steps/driver.ps1").isascii()


def test_every_name_of_the_manifest_leads_to_this_computer() -> None:
    lines = windows_job.hosts(rendered().manifest).splitlines()
    assert "127.0.0.1 hf-mirror.com" in lines
    assert "127.0.0.1 metadata.tencentyun.com" in lines


def test_the_manifest_is_exchanged_once_and_its_files_are_served(tmp_path: Path) -> None:
    made = rendered()
    internet = LocalInternet(tmp_path, lambda _: None)
    try:
        path = tmp_path / "manifest.json"
        path.write_text(json.dumps(made.manifest), encoding="utf-8")
        programs = windows_job.installers(b"MZ", "python.exe")
        assert windows_job.exchange(path, internet, programs, b"second stage")
        assert not windows_job.exchange(path, internet, programs, b"second stage")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        for row in manifest["files"]:
            body = internet.find(row["urls"][0])
            assert body is not None
            assert row["sha256"] in {None, hashlib.sha256(body).hexdigest()}
        assert internet.find(manifest["files"][0]["urls"][0]) == programs["miniconda"]
    finally:
        internet.close()
