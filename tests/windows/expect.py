"""What scenarios do with a machine and expect of it, over and over."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from tests.windows.trial import Trial, rendered
from words import heard, speaking

ROOT = "C:\\chatglm"
#: A sentence, not a name or a word that another program said.
_ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")


def ends_ready(trial: Trial) -> None:
    trial.install()
    nothing_wrong(trial)


def nothing_wrong(trial: Trial) -> None:
    wrong = trial.wrong()
    assert wrong == [], "; ".join(wrong)


def is_told(trial: Trial, status: dict[str, Any], step: str) -> None:
    failed = next((one for one in status["steps"] if one["name"] == step), {})
    error = failed.get("error") or {}
    assert failed.get("state") == "failed", trial.explain(status)
    assert error.get("message"), trial.explain(status)
    assert "hint" in error, trial.explain(status)
    with speaking("zh"):
        told = f"{heard(error)} {heard(error, 'hint')}"
    assert not _ENGLISH.search(told), f"not worded in Chinese: {told}"


def waits_ready_again(trial: Trial) -> None:
    """After a verb that starts the installation anew: until the next word ready."""
    before = trial.installed_by
    ended = {"ready", "failed"}
    status = trial.wait(phases=(), until=lambda told: told["phase"] in ended and told.get("pid") != before)
    assert status.get("phase") == "ready", trial.explain(status)
    trial.wait(phases=("ready",))
    nothing_wrong(trial)


def configure(trial: Trial, change: dict[str, Any]) -> dict[str, Any]:
    """Hand the settings over as `pulumi up` does; the verb's answer."""
    trial.inputs |= change
    trial.rendered = rendered(**trial.inputs)
    trial.port = int(trial.inputs.get("port", trial.port))
    trial.password = str(trial.inputs.get("password", trial.password))
    return hand_over(trial, trial.rendered.manifest_text.encode("ascii"))


def hand_over(trial: Trial, manifest: bytes) -> dict[str, Any]:
    trial.push(manifest, "manifest.json")
    document: dict[str, Any] = trial.verb("configure", {"sha256": hashlib.sha256(manifest).hexdigest()}).document
    return document


def demo_of(trial: Trial) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(trial.machine.place(f"{ROOT}\\state\\demo.json").read_bytes())
    return document


def is_waiting(status: dict[str, Any]) -> bool:
    """Whether the machine waits for its second stage."""
    return status.get("waitsFor") is not None


def waiting(trial: Trial) -> dict[str, Any]:
    trial.boot()
    return trial.wait(until=is_waiting, push=False)


def error_of(status: dict[str, Any], step: str) -> dict[str, Any]:
    row: dict[str, Any] = next((one for one in status.get("steps", []) if one["name"] == step), {})
    return row.get("error") or {}
