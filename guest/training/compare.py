"""The base model and a tuned one, asked the same: a person sees what a training has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from guest.documents import read_document, write_document
from guest.errors import GuestError
from guest.files import replace_file
from guest.machine import Machine
from guest.phrases import phrase
from guest.training import gpu_task, runs, start
from guest.training.checkpoints import Checkpoint
from guest.training.hooks.hold_out import evenly
from guest.training.runs import Run

QUESTIONS = 10
_PROGRAM = Path(__file__).with_name("ask_both.py")


class Comparison:
    """The files of a run's comparison; a new one replaces the one before."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.folder = run.folder / "comparison"
        self.questions = self.folder / "questions.json"
        self.answers = self.folder / "answers.jsonl"
        self.events = self.folder / "events.jsonl"
        self.log = self.folder / "compare.log"
        self.progress = self.folder / "progress.json"
        self.result = self.folder / "comparison.json"

    def outcome(self, *, alive: bool) -> dict[str, Any]:
        """State and the answers so far. Raises GuestError where there was no comparison."""
        recorded = read_document(self.result)
        if recorded is None:
            raise GuestError(
                phrase("Run {run} has not been compared.", run=self.run.name),
                phrase("Compare it first: compare {run}.", run=self.run.name),
            )
        if recorded["state"] == runs.RUNNING and not alive:
            recorded["state"] = runs.INTERRUPTED
        told = {name: recorded.get(name) for name in ("checkpoint", "state", "reason", "hint")}
        lines = self.answers.read_text(encoding="utf-8").splitlines() if self.answers.is_file() else []
        answers = [json.loads(line) for line in lines]
        return {"run": self.run.name, **told, "rehearsal": self.run.record.rehearsal, "answers": answers}


def choose_questions(run: Run, given: list[Any] | None) -> list[dict[str, str | None]]:
    """What is asked, with the expected answers where they are known. Raises GuestError for what is no question."""
    if given is not None:
        if not given or not all(isinstance(one, str) and one.strip() for one in given):
            raise GuestError(
                phrase("questions: every one must be a text, and there must be one."),
                phrase("Leave it out for ten rows."),
            )
        return [{"question": one, "expected": None} for one in given]
    record = run.record
    files = (run.hold_out_file, run.dev_file, run.train_file)
    source = next((file for file in files if file.is_file()), None)
    if source is None:
        raise GuestError(
            phrase("The data of run {run} are not on this machine.", run=run.name),
            phrase("Give the questions: --question TEXT."),
        )
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    columns = record.options.columns
    return [{"question": row[columns.prompt], "expected": row[columns.response]} for row in evenly(rows, QUESTIONS)]


def start_comparison(machine: Machine, run: Run, checkpoint: Checkpoint, given: list[Any] | None) -> int:
    """Start asking; how many questions there are."""
    start.require_same_upstream(machine, run)
    questions = choose_questions(run, given)
    files, options = Comparison(run), run.record.options
    with gpu_task.claimed(machine, kind="compare", run=run.name) as claimed:
        restart_demo = start.stop_demo(machine, run)
        files.folder.mkdir(exist_ok=True)
        for old in (files.answers, files.progress):
            old.unlink(missing_ok=True)
        asked = {
            "model": str(machine.model),
            "checkpoint": str(checkpoint.path),
            "preSeqLen": options.pre_seq_len,
            "prefixProjection": options.prefix_projection,
            "quantizationBit": options.quantization_bit,
            "maxLength": options.max_source_length + options.max_target_length,
            "answers": str(files.answers),
            "events": str(files.events),
            "questions": questions,
        }
        replace_file(files.questions, json.dumps(asked, ensure_ascii=True).encode("ascii"))
        running = {"state": runs.RUNNING, "checkpoint": checkpoint.name, "reason": "", "hint": ""}
        write_document(files.result, running)
        job = start.new_job(
            machine,
            claimed,
            command=[str(_PROGRAM), str(machine.source), str(files.questions)],
            events=str(files.events),
            log=str(files.log),
            progress=str(files.progress),
            result=str(files.result),
            total=2 * len(questions),
            restart_demo=restart_demo,
        )
        start.start_job(machine, run, job, claimed)
    return len(questions)
