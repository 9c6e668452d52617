"""Scenarios of a machine that has been somebody's for a while: tuned, looked into, launched by an older version."""

from __future__ import annotations

import json
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from guest.rehearsal.torch_files import write_tensors
from tests.windows.expect import (
    ROOT,
    configure,
    demo_of,
    ends_ready,
    error_of,
    is_told,
    nothing_wrong,
    waits_ready_again,
)
from tests.windows.scenario import Play, Yard
from tests.windows.trial import Trial

_TUNED = "mine/checkpoint-2"
_SITE = f"{ROOT}\\venv\\Lib\\site-packages"
_TOOLKIT = "C:\\Program Files\\NVIDIA GPU Computing Toolkit\\CUDA\\v11.8"
#: What would have to be downloaded again if something that lies on the disk did not count.
_LARGE = ("torch-2.0.1", "cuda_11.8", "cudnn-windows", "pytorch_model", "data-center", "Miniconda3")
_OLDER = Path(__file__).with_name("older")


def scenarios() -> Iterator[tuple[str, Play]]:
    yield "a tuned model's demo fails thrice after a boot", _tuned_fails_thrice
    yield "a tuned model's demo never starts after a boot", _tuned_never_starts
    yield "somebody at the desktop while steps are done again", _somebody_at_the_desktop
    yield "somebody at the desktop while the machine is parked", _somebody_while_parked
    yield "an older version's machine takes today's settings", _older_version
    yield "half of Miniconda shows its own log", _half_miniconda_shows_its_log
    yield "PyTorch breaks while the packages are installed", _torch_breaks_under_the_packages
    for name, path, content in _MARKS:
        yield f"costs nothing: {name}", _costs_nothing(path, content)
    for name, path in _PACKAGES.items():
        yield f"empty: {name}", _package_is_whole_again(path)


# A tuned model


def _deploy(trial: Trial) -> bytes:
    """Have a run's checkpoint served, as the verb `deploy` leaves it on a powered-off disk."""
    checkpoint, given = f"{ROOT}\\runs\\mine\\checkpoint-2", f"{ROOT}\\state\\serving-mine-2.json"
    weights = trial.machine.place(f"{checkpoint}\\pytorch_model.bin")
    weights.parent.mkdir(parents=True)
    prefix = {"transformer.prefix_encoder.embedding.weight": ([4, 8], array("f", bytes(4 * 32)))}
    write_tensors(weights, prefix)
    options = {"model_name_or_path": "C:/chatglm-6b", "ptuning_checkpoint": checkpoint, "pre_seq_len": 4}
    trial.machine.place(given).write_text(json.dumps(options), encoding="ascii")
    folder = f"{ROOT}\\ChatGLM-6B\\ptuning"
    served: dict[str, Any] = {"schema": 1, "choice": _TUNED, "program": f"{folder}\\web_demo.py", "directory": folder}
    told = json.dumps({**served, "arguments": [given], "preSeqLen": 4}).encode("ascii")
    trial.machine.place(f"{ROOT}\\state\\serving.json").write_bytes(told)
    return told


def _serves_tuned(trial: Trial, deployed: bytes) -> None:
    assert trial.machine.place(f"{ROOT}\\state\\serving.json").read_bytes() == deployed, "another model is deployed"
    assert demo_of(trial)["model"] == _TUNED, demo_of(trial)


def _tuned_fails_thrice(yard: Yard) -> None:
    trial = yard.installed()
    deployed = _deploy(trial)
    trial.machine.order({"python-runs": {"code": 1, "times": 3, "match": "guest.serving.launch"}})
    trial.install()
    assert len(trial.machine.journal("fault")) == 3
    _serves_tuned(trial, deployed)
    nothing_wrong(trial)


def _tuned_never_starts(yard: Yard) -> None:
    trial = yard.installed()
    deployed = _deploy(trial)
    trial.machine.order({"python-runs": {"code": 1, "match": "guest.serving.launch"}})
    trial.boot()
    status = trial.wait()
    assert status.get("phase") == "failed", trial.explain(status)
    is_told(trial, status, "demo")
    _serves_tuned(trial, deployed)
    trial.machine.order({})
    trial.verb("retry")
    waits_ready_again(trial)
    _serves_tuned(trial, deployed)


# Somebody at the desktop


def _sit_down(trial: Trial) -> None:
    """A shell that stands in the source's folder and has a log, the status and a file of the model open."""
    looks_at = (f"{ROOT}\\logs\\demo.log", f"{ROOT}\\state\\status.json", "C:\\chatglm-6b\\config.json")
    opened = "; ".join(
        f"$f{number} = [IO.File]::Open('{path}', 'Open', 'Read', 'ReadWrite')" for number, path in enumerate(looks_at)
    )
    words = f"Set-Location {ROOT}\\ChatGLM-6B; {opened}; Set-Content {ROOT}\\sits here; Start-Sleep -Seconds 36000"
    shell = ["powershell.exe", "-NoProfile", "-Command", words]
    threading.Thread(target=trial.machine.run, args=(shell, None, 3600), daemon=True).start()
    ends = time.monotonic() + 120
    while not trial.machine.place(f"{ROOT}\\sits").is_file():
        assert time.monotonic() < ends, "nobody sits down"
        time.sleep(0.1)


def _still_sits(trial: Trial) -> None:
    assert any("Set-Location" in line for line in trial.machine.lines()), "the person's shell was ended"


def _somebody_at_the_desktop(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    _sit_down(trial)
    told = configure(trial, {"source_commit": "0" * 39 + "1", "precision": "int8"})
    assert set(told["steps"]) == {"source", "demo"}, told
    waits_ready_again(trial)
    _still_sits(trial)


def _somebody_while_parked(yard: Yard) -> None:
    """The image is taken of a disk on which files are open; what the machine is asked before needs none of them."""
    trial = yard.installed()
    trial.install()
    _sit_down(trial)
    assert trial.verb("stop").exit_code == 0
    assert trial.verb("status").document["phase"] == "ready"
    _still_sits(trial)
    with closing(trial.restore("ins-2", password="another-passw0rd")) as other:
        ends_ready(other)


# An older version


def _older_version(yard: Yard) -> None:
    """Its entry does not know `configure`; the second stage, sent by its own `receive`, teaches it."""
    trial = yard.installed()
    trial.install()
    for name in ("install.ps1", "common.ps1", "verbs.ps1", "manifest.sha256", "second-stage.zip"):
        trial.machine.place(f"{ROOT}\\{name}").unlink()
    for script in _OLDER.iterdir():
        trial.machine.place(f"{ROOT}\\{script.name}").write_bytes(script.read_bytes())
    assert trial.verb("configure", {"sha256": "0" * 64}).exit_code == 1
    assert trial.push().exit_code == 0
    taught = trial.machine.run(["tar.exe", "-xf", f"{ROOT}\\inbox\\stage2.zip", "-C", ROOT])
    assert taught.exit_code == 0, taught
    told = configure(trial, {"port": 7861})
    assert told["configured"] is True, told
    waits_ready_again(trial)
    assert trial.answers() == 200


# Steps that break in an odd way


def _half_miniconda_shows_its_log(yard: Yard) -> None:
    trial = yard.fresh()
    trial.machine.order({"miniconda.exe": {"half": True, "times": 1}})
    trial.boot()
    status = trial.wait(until=lambda told: bool(error_of(told, "python")))
    error = error_of(status, "python")
    assert error["id"] == "python.installer", error
    assert "_conda.exe" in error["message"], error
    assert "::error:: Failed to extract packages" in error["logTail"], error
    trial.until_ready()
    nothing_wrong(trial)


def _torch_breaks_under_the_packages(yard: Yard) -> None:
    trial = yard.fresh()
    trial.boot()
    trial.wait(until=lambda status: status.get("step") == "packages")
    trial.machine.place(f"{_SITE}\\torch\\__init__.py").write_bytes(b"")
    trial.until_ready()
    assert error_of(trial.machine.status(), "packages") == {}
    nothing_wrong(trial)


# Marks and files that a power cut damages

_MARKS = (
    *((f"a mark of the step {step} is {how}", f"{ROOT}\\state\\done\\{step}", content)
      for step in ("cuda", "cudnn", "torch", "driver", "python")
      for how, content in (("empty", b""), ("zeros", b"\0" * 8))),
    ("cuDNN's own mark is empty", f"{_TOOLKIT}\\chatglm-cudnn.txt", b""),
    ("cuDNN's own mark is zeros", f"{_TOOLKIT}\\chatglm-cudnn.txt", b"\0" * 5),
    ("the driver's version is zeros", f"{ROOT}\\state\\driver", b"\0" * 6),
)  # fmt: skip
_PACKAGES = {
    "a library of PyTorch": f"{_SITE}\\torch\\lib\\cudart64_110.dll",
    "pip's list of PyTorch": f"{_SITE}\\torch-2.0.1+cu118.dist-info\\RECORD",
    "a file of a package": f"{_SITE}\\gradio-*.dist-info\\METADATA",
}


def _costs_nothing(path: str, content: bytes) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.installed()
        place = trial.machine.place(path)
        assert place.is_file(), f"there is no {path}"
        place.write_bytes(content)
        ends_ready(trial)
        again = {name: trial.internet.fetched(name) for name in _LARGE}
        assert not any(again.values()), f"fetched again: {again}"

    return play


def _package_is_whole_again(path: str) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.installed()
        folder = trial.machine.place(_SITE)
        (place,) = folder.glob(path.removeprefix(f"{_SITE}\\").replace("\\", "/"))
        whole = place.read_bytes()
        assert whole
        place.write_bytes(b"")
        ends_ready(trial)
        assert place.read_bytes() == whole, f"{place} is still damaged"

    return play
