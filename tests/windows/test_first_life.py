"""The first life of a machine in the Windows world: installed, rebooted, restored with other settings."""

from __future__ import annotations

import pytest

from tests.windows.trial import Trial

pytestmark = pytest.mark.slow


def test_a_machine_installs_itself_boots_again_and_is_restored_with_other_settings(trial: Trial) -> None:
    trial.install()
    assert trial.wrong() == []
    installed = [entry["detail"].split()[0] for entry in trial.machine.journal("install")]
    assert installed == ["miniconda", "driver", "cuda"]

    trial.restart()
    trial.until_ready()
    assert trial.wrong() == []
    assert trial.machine.journal("install") == []

    restored = trial.restore("ins-2", password="another-passw0rd", port=7861)
    try:
        restored.install()
        assert restored.wrong() == []
        assert restored.machine.journal("install") == []
        assert restored.machine.status()["machine"] == "ins-2"
    finally:
        restored.close()
