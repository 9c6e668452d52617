"""Evaluation of a checkpoint on the dev set: upstream's scores, with the published ones where they compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from guest.documents import read_document
from guest.files import read_json
from guest.phrases import phrase
from guest.training.runs import INTERRUPTED, RUNNING, Run

SCORES = ("rouge-1", "rouge-2", "rouge-l", "bleu-4")

# P-Tuning v2 on AdvertiseGen, THUDM/ChatGLM-6B ptuning/README.md; trained with 4 bits and lengths of 64/64.
PUBLISHED = {"rouge-1": 31.12, "rouge-2": 7.11, "rouge-l": 24.97, "bleu-4": 8.10}
PUBLISHED_NOTE = phrase(
    "published for P-Tuning v2 on AdvertiseGen (pre_seq_len 128, learning rate 2e-2, 4 "
    "bits, lengths 64/64); answers are sampled, so scores differ from one evaluation to "
    "the next"
)


class Evaluation:
    """The files of one evaluation, `evaluation/checkpoint-N/` in a run's folder."""

    def __init__(self, run: Run, checkpoint: str) -> None:
        self.run = run
        self.checkpoint = checkpoint
        self.folder = run.evaluation / checkpoint
        self.arguments_file = self.folder / "options.json"
        self.launch_file = self.folder / "launch.json"
        self.events = self.folder / "events.jsonl"
        self.log = self.folder / "predict.log"
        self.progress = self.folder / "progress.json"
        self.result = self.folder / "evaluation.json"
        self.metrics = self.folder / "predict_results.json"
        self.predictions = self.folder / "generated_predictions.txt"

    def outcome(self, *, alive: bool) -> dict[str, Any]:
        """State, scores and where the predictions are; `alive` says whether the evaluating process lives."""
        recorded = read_document(self.result) or {"state": INTERRUPTED, "reason": "", "hint": ""}
        if recorded["state"] == RUNNING and not alive:
            recorded["state"] = INTERRUPTED
        metrics = read_json(self.metrics) or {}
        record = self.run.record
        comparable = record.dev is not None and record.dev.advertisegen
        return {
            "run": self.run.name,
            "checkpoint": self.checkpoint,
            "state": recorded["state"],
            "reason": recorded["reason"],
            "hint": recorded["hint"],
            "rehearsal": record.rehearsal,
            "samples": metrics.get("predict_samples"),
            "scores": {name: metrics.get(f"predict_{name}") for name in SCORES} if metrics else None,
            "published": PUBLISHED if comparable else None,
            "publishedNote": PUBLISHED_NOTE if comparable else None,
            "emptyPredictions": count_empty(self.predictions),
            "predictions": str(self.predictions) if self.predictions.is_file() else None,
        }


def list_evaluations(run: Run) -> list[Evaluation]:
    """All evaluations of a run, oldest step first."""
    if not run.evaluation.is_dir():
        return []
    names = [folder.name for folder in run.evaluation.iterdir() if (folder / "evaluation.json").is_file()]
    return [Evaluation(run, name) for name in sorted(names, key=lambda name: int(name.rpartition("-")[2]))]


def count_empty(predictions: Path) -> int | None:
    """How many predictions are empty; they count as 0 in the scores."""
    if not predictions.is_file():
        return None
    with predictions.open(encoding="utf-8") as lines:
        return sum(not json.loads(line)["predict"].strip() for line in lines if line.strip())
