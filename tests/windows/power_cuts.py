"""Scenarios of power cuts: what they leave of files, and the power going at any moment of an installation."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.windows.expect import (
    ROOT,
    ends_ready,
    nothing_wrong,
)
from tests.windows.scenario import Play, Yard

#: More of either than an installation has: the later ones find a machine that got ready.
STATUS_WRITES = 14
PROGRAM_STARTS = 22


def scenarios() -> Iterator[tuple[str, Play]]:
    yield from _damage()
    yield from _kills()


# Damage


def _damage() -> Iterator[tuple[str, Play]]:
    files = (
        "manifest.json", "state\\manifest.json", "state\\status.json", "state\\machine", "second-stage.zip",
        "state\\demo.json", "state\\demo-wanted.json", "state\\downloads.json", "install.ps1", "common.ps1",
        "guest\\paths.py", "steps\\torch.ps1", "ChatGLM-6B\\web_demo.py", "venv\\pyvenv.cfg",
        "state\\done\\python", "state\\done\\torch", "state\\done\\cuda", "state\\done\\source",
        "manifest.sha256", "state\\served-model", "state\\driver", "state\\watcher", "chatglm.ps1", "lib.ps1",
        "bootstrap.ps1",
    )  # fmt: skip
    for file in files:
        yield f"empty: {file}", _damaged(f"{ROOT}\\{file}", lambda _: b"")
    yield "zeros: status.json", _damaged(f"{ROOT}\\state\\status.json", lambda body: b"\0" * len(body))
    yield "zeros: manifest.json", _damaged(f"{ROOT}\\manifest.json", lambda body: b"\0" * len(body))
    yield "zeros: the machine's name", _damaged(f"{ROOT}\\state\\machine", lambda _: b"\0" * 12)
    yield "zeros: what was served", _damaged(f"{ROOT}\\state\\served-model", lambda _: b"\0" * 4)
    yield "zeros: Miniconda's version", _damaged("C:\\miniconda3\\chatglm-version.txt", lambda _: b"\0" * 15)
    yield "cut: manifest.json", _damaged(f"{ROOT}\\manifest.json", lambda body: body[: len(body) // 2])
    yield "empty: a model file", _damaged("C:\\chatglm-6b\\config.json", lambda _: b"")
    yield "cut: a model file", _damaged("C:\\chatglm-6b\\ice_text.model", lambda body: body[:100])
    yield "empty: the environment's Python", _damaged(f"{ROOT}\\venv\\Scripts\\python.exe", lambda _: b"")
    yield "gone: Miniconda's Python", _damaged("C:\\miniconda3\\python.exe", None)
    yield "gone: nvidia-smi", _damaged("C:\\Windows\\System32\\nvidia-smi.exe", None)
    yield "gone: all marks", _all_marks_gone


def _damaged(path: str, change: Callable[[bytes], bytes] | None) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.installed()
        place = trial.machine.place(path)
        if change is None:
            place.unlink()
        elif place.is_file():
            place.write_bytes(change(place.read_bytes()))
        ends_ready(trial)

    return play


def _all_marks_gone(yard: Yard) -> None:
    trial = yard.installed()
    for mark in trial.machine.place(f"{ROOT}\\state\\done").iterdir():
        mark.unlink()
    ends_ready(trial)
    assert trial.internet.fetched("pytorch_model") == 0, "the model was fetched again"


# Kills


def _kills() -> Iterator[tuple[str, Play]]:
    for number in range(1, STATUS_WRITES + 1):
        yield f"killed at status {number}", _killed("status", number)
    for number in range(1, PROGRAM_STARTS + 1):
        yield f"killed at program {number}", _killed("start", number)


def _killed(kind: str, number: int) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.machine.cut_power_at(kind, number)
        trial.boot()
        status = trial.wait()
        assert trial.machine.lost_power or status.get("phase") == "ready", trial.explain(status)
        trial.machine.set("cut-at", None)
        trial.restart()
        # User data that the power ended before it made a task is not run again by Windows by itself.
        if not trial.machine.remembered("tasks"):
            trial.machine.forget_user_data()
            trial.restart()
        trial.until_ready()
        nothing_wrong(trial)

    return play
