"""Looks the machine over: what is there, what answers, and what to do about what does not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from guest.download import DISK_RESERVE
from guest.errors import GuestError
from guest.serving import state
from guest.serving.login import probe_token
from guest.serving.question import ask
from guest.serving.settings import read_settings
from guest.training.files import read_json
from guest.training.machine import Machine

_QUESTION = "你好"


@dataclass(frozen=True)
class Finding:
    """One line of the examination; `ok` is None for what was not looked at."""

    name: str
    ok: bool | None
    message: str
    hint: str = ""


def examine(machine: Machine, *, question: bool) -> list[Finding]:
    """All findings; with `question` the demo is asked one."""
    looks: list[tuple[str, Callable[[Machine], Finding]]] = [
        ("gpu", _gpu),
        ("model", _model),
        ("source", _source),
        ("disk", _disk),
        ("demo", _demo),
        ("question", _question if question else _no_question),
    ]
    findings = []
    for name, look in looks:
        try:
            findings.append(look(machine))
        except (GuestError, OSError) as error:
            hint = error.hint if isinstance(error, GuestError) else ""
            findings.append(Finding(name, False, str(error), hint))
    return findings


def doctor(machine: Machine, options: dict[str, Any]) -> dict[str, Any]:
    """The verb: `question` asks the demo, `strict` makes any failure an error (GuestError)."""
    findings = examine(machine, question=bool(options.get("question")))
    bad = [finding for finding in findings if finding.ok is False]
    if bad and options.get("strict"):
        raise GuestError("; ".join(f"{f.name}: {f.message}" for f in bad), " ".join(f.hint for f in bad if f.hint))
    return {"ok": not bad, "rehearsal": machine.is_rehearsal, "findings": [asdict(finding) for finding in findings]}


def _gpu(_: Machine) -> Finding:
    program = shutil.which("nvidia-smi") or r"C:\Program Files\NVIDIA Corporation\NVSMI\nvidia-smi.exe"
    query = "--query-gpu=name,driver_version,driver_model.current,memory.used,memory.total"
    hint = "Look at the step driver."
    try:
        told = subprocess.run(
            [program, query, "--format=csv,noheader"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("gpu", False, f"nvidia-smi does not run: {error}", hint)
    return Finding(
        "gpu", told.returncode == 0, (told.stdout or told.stderr).strip(), "" if told.returncode == 0 else hint
    )


def _model(machine: Machine) -> Finding:
    manifest = read_json(machine.root / "manifest.json") or {}
    files = [row for row in manifest.get("files", []) if row["step"] == "model"]
    wrong = [
        row["id"]
        for row in files
        if not (machine.model / row["id"]).is_file() or (machine.model / row["id"]).stat().st_size != row["bytes"]
    ]
    if wrong or not files:
        return Finding(
            "model", False, f"missing or of wrong size: {', '.join(wrong) or 'all'}", "Look at the step model."
        )
    return Finding("model", True, f"{len(files)} files in {machine.model}")


def _source(machine: Machine) -> Finding:
    machine.require_source()
    return Finding("source", True, str(machine.source))


def _disk(machine: Machine) -> Finding:
    free = shutil.disk_usage(machine.root).free
    hint = "" if free >= DISK_RESERVE else "Delete old runs, or take a larger systemDiskGb."
    return Finding("disk", free >= DISK_RESERVE, f"{free / 1e9:.1f} GB free", hint)


def _demo(machine: Machine) -> Finding:
    told = state.read_demo(machine.root)
    url = read_settings(machine.root).local_url
    if state.answers(url):
        return Finding("demo", True, f"answers at {url}, model {(told or {}).get('model')}")
    reason = ((told or {}).get("error") or {}).get("message") or (told or {"state": "was never started"})["state"]
    return Finding("demo", False, f"does not answer: {reason}", "Look at the log named demo, then: serve.")


def _question(machine: Machine) -> Finding:
    answer = ask(read_settings(machine.root).local_url, probe_token(machine.root), _QUESTION)
    return Finding("question", True, f"an answer of {len(answer)} characters")


def _no_question(_: Machine) -> Finding:
    return Finding("question", None, "the demo was not asked")
