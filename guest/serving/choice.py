"""What the demo serves: the base model, or the prefix of a run's checkpoint.

`<root>/state/serving.json` is read by the demo whenever it starts, so the choice survives restarts and images.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guest.documents import SCHEMA, read_document
from guest.files import read_json
from guest.machine import Machine
from guest.phrases import phrase

BASE = "base"


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


def served_choice(machine: Machine) -> str:
    """What the demo serves: "base" or "RUN/checkpoint-N"."""
    document = read_document(serving_file(machine)) or {}
    return str(document.get("choice", BASE))


def missing_parts(settings: Mapping[str, Any]) -> str | None:
    """Why these settings cannot be served: of another version, or a file of theirs is gone. None where they can."""
    if settings.get("schema", SCHEMA) != SCHEMA:
        return phrase(
            "What is deployed was written by another version of this project (form {schema}). Deploy it.",
            schema=settings["schema"],
        )
    program, arguments = Path(settings["program"]), [Path(one) for one in settings["arguments"]]
    wanted = [program, *arguments]
    for file in arguments:
        told = read_json(file) or {}
        if told.get("ptuning_checkpoint"):
            wanted.append(Path(told["ptuning_checkpoint"]) / "pytorch_model.bin")
    gone = [str(path) for path in wanted if not path.is_file()]
    if not gone:
        return None
    choice = settings.get("choice", BASE)
    return phrase(
        "The demo is to serve {choice}, but {gone} is missing. Deploy another run, or base.",
        choice=choice,
        gone=", ".join(gone),
    )
