"""The examination of a machine."""

from __future__ import annotations

import json
import shutil

import pytest

from guest import deploy, doctor
from guest.errors import GuestError
from guest.machine import Machine


def findings(machine: Machine) -> dict[str, doctor.Symptom]:
    return {finding.name: finding for finding in doctor.examine(machine, question=False)}


def test_each_finding_that_is_bad_says_what_to_do(installed: Machine) -> None:
    bad = [finding for finding in findings(installed).values() if finding.ok is False]
    assert {finding.name for finding in bad} >= {"model", "demo"}
    assert all(finding.message and finding.hint for finding in bad)


def test_the_model_is_there_when_every_file_has_its_size(installed: Machine) -> None:
    manifest = json.loads((installed.root / "manifest.json").read_text(encoding="utf-8"))
    manifest["files"] = [{"id": "config.json", "step": "model", "bytes": 3}]
    (installed.root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert findings(installed)["model"].message == "missing or of wrong size: config.json"
    installed.model.mkdir()
    (installed.model / "config.json").write_bytes(b"abc")
    assert findings(installed)["model"].ok


def test_a_running_demo_is_found_with_its_model(installed: Machine) -> None:
    deploy.serve(installed, None, 20)
    assert "model base" in findings(installed)["demo"].message


def test_a_full_disk_is_told(installed: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")._replace(free=3_000_000_000)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    assert findings(installed)["disk"] == doctor.Symptom(
        "disk", False, "3.0 GB free", "Delete old runs, or take a larger systemDiskGb."
    )


def test_strict_turns_failures_into_an_error(installed: Machine) -> None:
    assert doctor.doctor(installed, {})["ok"] is False
    with pytest.raises(GuestError, match="demo: does not answer"):
        doctor.doctor(installed, {"strict": True})
