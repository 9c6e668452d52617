"""The loss on rows that are not trained on, and when to stop because it falls no more.

Upstream's own evaluation generates answers instead of measuring a loss, and takes hours. Here each row is fed as it is
in training, without gradients.
"""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Measured at most, evenly chosen: on a T4 some 20 seconds.
MOST_ROWS = 100


@dataclass(frozen=True)
class Shape:
    """Where texts are cut, and the columns of the clean file."""

    prompt_column: str
    response_column: str
    max_source_length: int
    max_target_length: int


@dataclass
class HoldOut:
    """`patience` is how many measurements in a row may bring nothing better; None: never stop for it.

    `file` remembers the measurements over resumption.
    """

    rows: list[dict[str, str]]
    shape: Shape
    patience: int | None
    file: Path
    losses: list[tuple[int, float]] = field(default_factory=list)

    @property
    def best_step(self) -> int | None:
        finite = [(loss, step) for step, loss in self.losses if math.isfinite(loss)]
        return min(finite)[1] if finite else None

    def begin(self, output: Path) -> Path | None:
        """Read the earlier measurements; the best checkpoint's folder, if it is there."""
        if self.file.is_file():
            self.losses = [(int(step), float(loss)) for step, loss in json.loads(self.file.read_text("ascii"))]
        folder = output / f"checkpoint-{self.best_step}"
        return folder if folder.is_dir() else None

    def measure(self, step: int, model: Any, tokenizer: Any) -> tuple[float, bool]:
        """The mean loss a token over the rows, and whether patience is used up."""
        loss = mean_loss(model, [features(tokenizer, row, self.shape) for row in self.rows])
        self.losses = [*((at, was) for at, was in self.losses if at < step), (step, loss)]
        self.file.write_text(json.dumps(self.losses), encoding="ascii")
        since_best = sum(at > (self.best_step or 0) for at, _ in self.losses)
        return loss, self.patience is not None and since_best >= self.patience


def evenly(rows: list[Any], most: int = MOST_ROWS) -> list[Any]:
    """At most `most` of the rows, spread over all of them."""
    return rows if len(rows) <= most else [rows[place * len(rows) // most] for place in range(most)]


def features(tokenizer: Any, row: dict[str, str], shape: Shape) -> tuple[list[int], list[int]]:
    """Tokens and labels of one row as ptuning/main.py makes them in training, without the padding behind them.

    The prompt keeps one place for a special token, the answer two; the loss is taken from the end of the prompt on.
    """
    prompt = tokenizer.encode(text=row[shape.prompt_column], add_special_tokens=False)
    answer = tokenizer.encode(text=row[shape.response_column], add_special_tokens=False)
    tokens: list[int] = tokenizer.build_inputs_with_special_tokens(
        prompt[: shape.max_source_length - 1], answer[: shape.max_target_length - 2]
    )
    context = tokens.index(tokenizer.bos_token_id)
    return tokens, [-100] * context + tokens[context:]


def mean_loss(model: Any, rows: list[tuple[list[int], list[int]]]) -> float:
    """The mean over the rows of the model's loss, one row at a time: memory is what training leaves."""
    torch: Any = importlib.import_module("torch")
    model.eval()
    losses = []
    try:
        with torch.no_grad():
            for tokens, labels in rows:
                batch = {"input_ids": [tokens], "labels": [labels]}
                fed = {name: torch.tensor(value, device=model.device) for name, value in batch.items()}
                losses.append(float(model(**fed).loss.item()))
    finally:
        model.train()
    return round(sum(losses) / len(losses), 6)
