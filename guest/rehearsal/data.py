"""The data of a rehearsal: read, cached and shown as `datasets` and main.py do it."""

from __future__ import annotations

import datetime
import importlib
from typing import Any

from guest.rehearsal.arguments import Arguments
from guest.rehearsal.console import Bar, say


def read_rows(path: str | None) -> list[dict[str, Any]]:
    """The rows of a JSON lines file, read as main.py has them read; what is no text stops the tokenizer."""
    if path is None:
        raise ValueError("Need either a dataset name or a training/validation/test file.")
    datasets: Any = importlib.import_module("datasets")
    rows: list[dict[str, Any]] = datasets.load_dataset("json", data_files={"train": path}, cache_dir=None)["train"]
    for row in rows:
        for value in row.values():
            if isinstance(value, datetime.datetime):
                # The tokenizer takes it for a text and calls its `replace`.
                raise TypeError("'str' object cannot be interpreted as an integer")
    return rows


def prompts(rows: list[dict[str, Any]], arguments: Arguments, *, training: bool) -> list[str]:
    """What main.py feeds: in training an empty history makes a first round, in evaluation the plain question."""
    found = []
    for row in rows:
        query = str(row[arguments.prompt_column or ""])
        column = arguments.history_column
        history = None if column is None else row[column]
        if history is None or (not history and not training):
            found.append(query)
            continue
        rounds = [*history, [query, ""]]
        found.append("\n".join(f"[Round {i}]\n问：{asked}\n答：{said}" for i, (asked, said) in enumerate(rounds)))
    return found


def show(title: str, prompts: list[str], labels: list[str]) -> None:
    """Print row 1 as main.py does: any text of the person's comes into the log."""
    bar = Bar(len(prompts), f"Running tokenizer on {title} dataset")
    bar.update(len(prompts))
    say(f"\ninput_ids {[ord(letter) for letter in prompts[0]][:64]}")
    say(f"inputs {prompts[0]}[gMASK]<sop>{labels[0]}<eop>")
    say(f"label_ids {[ord(letter) for letter in labels[0]][:64]}")
    say(f"labels <image_-100><image_-100><sop>{labels[0]}<eop><image_-100>")
