"""Looks the machine over: what is there, what answers, and what to do about what does not."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from guest.download.ledger import Ledger
from guest.download.limits import DISK_RESERVE
from guest.errors import GuestError
from guest.files import read_json
from guest.machine import Machine
from guest.phrases import joined, phrase
from guest.serving import state, tls
from guest.serving.login import probe_token
from guest.serving.question import ask
from guest.serving.settings import read_settings
from guest.training import gpu_task

_QUESTION = "你好"


@dataclass(frozen=True)
class Symptom:
    """One line of the examination; `ok` is None for what was not looked at."""

    name: str
    ok: bool | None
    message: str
    hint: str = ""


def examine(machine: Machine, *, question: bool) -> list[Symptom]:
    """All findings; with `question` the demo is asked one."""
    looks: list[tuple[str, Callable[[Machine], Symptom]]] = [
        ("gpu", _gpu),
        ("model", _model),
        ("source", _source),
        ("disk", _disk),
        ("demo", _demo),
        ("question", _question if question else _no_question),
    ]
    findings = []
    task = gpu_task.current(machine)
    waits = _waits_for_certificate(machine)
    for name, look in looks:
        if task is not None and name in ("demo", "question"):
            findings.append(Symptom(name, None, phrase("run {run} has the GPU; the demo waits for it", run=task.run)))
            continue
        if waits and name in ("demo", "question"):
            findings.append(Symptom(name, None, tls.WAITS, tls.WHAT_TO_DO))
            continue
        try:
            findings.append(look(machine))
        except (GuestError, OSError) as error:
            hint = error.hint if isinstance(error, GuestError) else ""
            findings.append(Symptom(name, False, error.message if isinstance(error, GuestError) else str(error), hint))
    return findings


def doctor(machine: Machine, options: dict[str, Any]) -> dict[str, Any]:
    """The verb: `question` asks the demo, `strict` makes any failure an error (GuestError)."""
    findings = examine(machine, question=bool(options.get("question")))
    bad = [finding for finding in findings if finding.ok is False]
    if bad and options.get("strict"):
        raise GuestError(
            joined("; ", (phrase("{name}: {told}", name=f.name, told=f.message) for f in bad)),
            joined(" ", (f.hint for f in bad if f.hint)),
        )
    return {"ok": not bad, "rehearsal": machine.is_rehearsal, "findings": [asdict(finding) for finding in findings]}


def _waits_for_certificate(machine: Machine) -> bool:
    """False also where the settings cannot be read, which `_demo` tells."""
    try:
        return tls.is_waited_for(machine.root)
    except GuestError:
        return False


def _gpu(_: Machine) -> Symptom:
    program = shutil.which("nvidia-smi") or r"C:\Program Files\NVIDIA Corporation\NVSMI\nvidia-smi.exe"
    query = "--query-gpu=name,driver_version,driver_model.current,memory.used,memory.total"
    hint = phrase("Look at the step driver.")
    try:
        told = subprocess.run(
            [program, query, "--format=csv,noheader"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Symptom("gpu", False, phrase("nvidia-smi does not run: {error}", error=error), hint)
    return Symptom(
        "gpu", told.returncode == 0, (told.stdout or told.stderr).strip(), "" if told.returncode == 0 else hint
    )


def _model(machine: Machine) -> Symptom:
    manifest = read_json(machine.root / "manifest.json") or {}
    files = [row for row in manifest.get("files", []) if row["step"] == "model"]
    ledger = Ledger(machine.root)
    wrong = [
        row["id"]
        for row in files
        if not (machine.model / row["id"]).is_file()
        or (machine.model / row["id"]).stat().st_size != (row["bytes"] or ledger.noted_size(row["id"]))
    ]
    if wrong or not files:
        return Symptom(
            "model",
            False,
            phrase("missing or of wrong size: {wrong}", wrong=", ".join(wrong) or phrase("all")),
            phrase("Look at the step model."),
        )
    return Symptom("model", True, phrase("{count} files in {model}", count=len(files), model=machine.model))


def _source(machine: Machine) -> Symptom:
    machine.require_source()
    return Symptom("source", True, str(machine.source))


def _disk(machine: Machine) -> Symptom:
    free = shutil.disk_usage(machine.root).free
    hint = "" if free >= DISK_RESERVE else phrase("Delete old runs, or take a larger systemDiskGb.")
    return Symptom("disk", free >= DISK_RESERVE, phrase("{free:.1f} GB free", free=free / 1e9), hint)


def _demo(machine: Machine) -> Symptom:
    told = state.read_demo(machine.root)
    url = read_settings(machine.root).local_url
    if state.answers(url, trust=tls.own_trust(machine.root)):
        return Symptom(
            "demo", True, phrase("answers at {url}, model {model}", url=url, model=(told or {}).get("model"))
        )
    reason = ((told or {}).get("error") or {}).get("message") or (told or {"state": phrase("was never started")})[
        "state"
    ]
    return Symptom(
        "demo",
        False,
        phrase("does not answer: {reason}", reason=reason),
        phrase("Look at the log named demo, then: serve."),
    )


def _question(machine: Machine) -> Symptom:
    url, trust = read_settings(machine.root).local_url, tls.own_trust(machine.root)
    answer = ask(url, probe_token(machine.root), _QUESTION, trust=trust)
    return Symptom("question", True, phrase("an answer of {count} characters", count=len(answer)))


def _no_question(_: Machine) -> Symptom:
    return Symptom("question", None, phrase("the demo was not asked"))
