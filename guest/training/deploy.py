"""What the demo serves: the base model, or the prefix of a run's checkpoint.

`<root>/state/serving.json` is read by the demo whenever it starts, so the choice survives restarts and images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.training.checkpoints import Checkpoint, saved_pre_seq_len
from guest.training.demo import DemoControl
from guest.training.files import read_json, replace_file, write_json
from guest.training.machine import Machine
from guest.training.options import serve_arguments, write_arguments
from guest.training.runs import Run

BASE = "base"
# Loading 13 GB from disk and moving it to the GPU takes minutes.
ANSWER_SECONDS = 900.0


def serving_file(machine: Machine) -> Path:
    return machine.state / "serving.json"


def base_settings(machine: Machine) -> dict[str, Any]:
    """Settings that serve the model as published."""
    return {
        "schema": 1,
        "choice": BASE,
        "program": str(machine.source / "web_demo.py"),
        "directory": str(machine.source),
        "arguments": [],
        "preSeqLen": None,
    }


def run_settings(machine: Machine, run: Run, checkpoint: Checkpoint) -> dict[str, Any]:
    """Settings that serve a checkpoint, and upstream's options file for them.

    Raises GuestError where the saved prefix has another length than the run says: serving it would fail after
    minutes of loading, with a message about sizes.
    """
    options = run.record.options
    saved = saved_pre_seq_len(checkpoint.path)
    if saved is not None and saved != options.pre_seq_len:
        raise GuestError(
            f"The prefix in {checkpoint.name} of run {run.name} has {saved} tokens, "
            f"the run says {options.pre_seq_len}.",
            "The run's run.json was changed by hand; set pre_seq_len there to what the checkpoint holds.",
        )
    arguments_file = machine.state / f"serving-{run.name}-{checkpoint.step}.json"
    machine.state.mkdir(parents=True, exist_ok=True)
    write_arguments(arguments_file, serve_arguments(options, model=machine.model, checkpoint=checkpoint.path))
    return {
        "schema": 1,
        "choice": f"{run.name}/{checkpoint.name}",
        "program": str(machine.ptuning / "web_demo.py"),
        "directory": str(machine.ptuning),
        "arguments": [str(arguments_file)],
        "preSeqLen": options.pre_seq_len,
    }


def switch(machine: Machine, settings: dict[str, Any], demo: DemoControl, *, seconds: float = ANSWER_SECONDS) -> None:
    """Make the demo serve `settings` and wait until it answers.

    If it does not, the settings before are put back and the demo is started with them; then raises GuestError.
    """
    path = serving_file(machine)
    before = path.read_bytes() if path.is_file() else None
    _restart(machine, settings, demo)
    if demo.wait_until_answers(seconds):
        return
    choice = settings["choice"]
    demo.stop()
    if before is None:
        path.unlink()
    else:
        replace_file(path, before)
    demo.start()
    raise GuestError(
        f"The demo did not answer within {seconds:.0f} s with {choice}.",
        "What it served before was started again; the demo's log says why it failed.",
    )


def served_choice(machine: Machine) -> str:
    """What the demo serves: "base" or "RUN/checkpoint-N"."""
    document = read_json(serving_file(machine)) or {}
    return str(document.get("choice", BASE))


def _restart(machine: Machine, settings: dict[str, Any], demo: DemoControl) -> None:
    demo.stop()
    write_json(serving_file(machine), settings)
    demo.start()
