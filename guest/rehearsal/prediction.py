"""A prediction that predicts nothing: every other word of the right answer, really scored against the whole of it."""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path
from typing import Any

from guest.rehearsal.arguments import Arguments
from guest.rehearsal.console import Bar, log, say
from guest.rehearsal.training import read_rows, save_metrics


def predict(arguments: Arguments) -> None:
    """Predict on `test_file`; writes `predict_results.json` first and `generated_predictions.txt` after."""
    rows = read_rows(arguments.test_file)[: arguments.max_predict_samples]
    output = Path(arguments.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    log("*** Predict ***")
    log(f"  Num examples = {len(rows)}")
    started, bar = time.monotonic(), Bar(len(rows))
    pairs = []
    for done, row in enumerate(rows, start=1):
        label = str(row[arguments.response_column or ""])[: arguments.max_target_length]
        empty = row[arguments.prompt_column or ""] == "rehearsal: empty prediction"
        pairs.append((label, "" if empty else label[::2]))
        bar.draw(done)
    metrics: dict[str, Any] = {
        **{f"predict_{name}": value for name, value in _scores(pairs).items()},
        "predict_runtime": round(time.monotonic() - started, 4),
        "predict_samples": len(rows),
    }
    say("\n***** predict metrics ***** (rehearsal: they mean nothing)")
    for name, value in metrics.items():
        say(f"  {name} = {value}")
    save_metrics(output, "predict", metrics)
    with (output / "generated_predictions.txt").open("w", encoding="utf-8") as out:
        for label, said in pairs:
            out.write(json.dumps({"labels": label, "predict": said}, ensure_ascii=False) + "\n")


def _scores(pairs: list[tuple[str, str]]) -> dict[str, float]:
    rouge: Any = importlib.import_module("rouge_chinese").Rouge()
    found: dict[str, list[float]] = {"rouge-1": [], "rouge-2": [], "rouge-l": [], "bleu-4": []}
    for label, said in pairs:
        scores = rouge.get_scores(" ".join(said), " ".join(label))[0]
        for name, score in scores.items():
            found[name].append(100 * score["f"])
        found["bleu-4"].append(100 * scores["rouge-2"]["p"])
    return {name: sum(values) / len(values) for name, values in found.items()}
