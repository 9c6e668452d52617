"""A prediction that predicts nothing: every other word of the right answer, really scored against the whole of it."""

from __future__ import annotations

import importlib
import json
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from guest.rehearsal.arguments import Arguments
from guest.rehearsal.console import Bar, log, say
from guest.rehearsal.data import prompts, read_rows, show
from guest.rehearsal.model import Model, Tokenizer
from guest.rehearsal.training import Events, save_metrics


def predict(arguments: Arguments) -> None:
    """Predict on `test_file`; writes `predict_results.json` first and `generated_predictions.txt` after."""
    rows = read_rows(arguments.test_file)[: arguments.max_predict_samples]
    fed = prompts(rows, arguments, training=False)
    labels = [str(row[arguments.response_column or ""])[: arguments.max_target_length] for row in rows]
    show("prediction", fed, labels)
    output = Path(arguments.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    log("*** Predict ***")
    size = arguments.per_device_eval_batch_size
    batches = math.ceil(len(rows) / size)
    started, bar = time.monotonic(), Bar(batches)
    events = Events(arguments, SimpleNamespace(global_step=0, max_steps=0), Model())
    tokenizer = Tokenizer()
    pairs: list[tuple[list[int], str]] = []
    for first in range(0, len(rows), size):
        batch = list(zip(labels[first : first + size], fed[first : first + size], strict=True))
        longest = max(len(label) for label, _ in batch)
        for label, prompt in batch:
            empty = prompt == "rehearsal: empty prediction"
            # Labels of a batch are padded with -100 to the longest.
            ids = [*tokenizer.encode(label, add_special_tokens=False), *[-100] * (longest - len(label))]
            pairs.append((ids, "" if empty else label[::2]))
        events.tell("on_prediction_step", eval_dataloader=range(batches))
        bar.update()
    # Before the scores -100 is replaced; before the predictions are written it is not.
    scores = _scores([(tokenizer.decode([one for one in ids if one >= 0]), said) for ids, said in pairs])
    metrics: dict[str, Any] = {
        **{f"predict_{name}": value for name, value in scores.items()},
        "predict_runtime": round(time.monotonic() - started, 4),
        "predict_samples": len(rows),
    }
    say("\n***** predict metrics ***** (rehearsal: they mean nothing)")
    for name, value in metrics.items():
        say(f"  {name} = {value}")
    save_metrics(output, "predict", metrics)
    with (output / "generated_predictions.txt").open("w", encoding="utf-8") as out:
        decoded = tokenizer.batch_decode([ids for ids, _ in pairs], skip_special_tokens=True)
        for label, (_, said) in zip(decoded, pairs, strict=True):
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
