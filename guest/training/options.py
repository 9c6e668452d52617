"""The options of one training run: the recipe's defaults, the rules, and upstream's options file.

Upstream's `ptuning/main.py` takes one argument, a `.json` file that holds all options as one flat object
(THUDM/ChatGLM-6B `ptuning/arguments.py` and transformers 4.27.1 `TrainingArguments`).
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any

from guest.errors import GuestError
from guest.files import replace_file
from guest.phrases import joined, phrase
from guest.training.columns import Columns

# Position embeddings of the model reach this far (config.json of chatglm-6b: max_sequence_length).
MODEL_TOKENS = 2048

# May change when a run is resumed; everything else shapes what the checkpoints hold or mean.
CHANGEABLE = ("max_steps", "logging_steps", "save_steps", "save_total_limit", "patience")


@dataclass(frozen=True)
class TrainOptions:
    """Names are upstream's own, so that what a person reads there holds here. The last two are this project's.

    `hold_out` is the share of the rows that is not trained on but measured whenever a checkpoint is due; `patience` is
    after how many measurements without a lower loss the training ends.
    """

    pre_seq_len: int = 128
    prefix_projection: bool = False
    quantization_bit: int | None = None
    learning_rate: float = 2e-2
    max_source_length: int = 128
    max_target_length: int = 128
    per_device_train_batch_size: int = 1
    gradient_accumulation_steps: int = 16
    max_steps: int = 3000
    logging_steps: int = 10
    # About seven minutes on a T4: what a reclaimed spot machine may lose. Upstream saves every 1000 steps only.
    save_steps: int = 50
    save_total_limit: int = 3
    prompt_column: str = "content"
    response_column: str = "summary"
    history_column: str | None = None
    seed: int = 42
    hold_out: float = 0.0
    patience: int | None = None

    @property
    def columns(self) -> Columns:
        return Columns(self.prompt_column, self.response_column, self.history_column)

    @property
    def samples_per_step(self) -> int:
        """How many rows one step of the optimizer reads."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def read_options(given: Mapping[str, Any]) -> TrainOptions:
    """Validated options from a mapping; missing ones take the recipe's defaults.

    Raises one GuestError that names every mistake.
    """
    mistakes = _unknown(given)
    values: dict[str, Any] = {}
    for name, value in given.items():
        rule = _RULES.get(name)
        if rule is None:
            continue
        if rule.holds(value):
            values[name] = float(value) if name in ("learning_rate", "hold_out") else value
        else:
            mistakes.append(
                phrase("{name}: {has} is not allowed; it must be {text}", name=name, has=_show(value), text=rule.text)
            )
    # Only values that hold by themselves are compared with one another.
    mistakes += _together(TrainOptions(**values))
    if mistakes:
        raise GuestError(
            _listed(phrase("The training options have mistakes"), mistakes), phrase("Nothing was started.")
        )
    return TrainOptions(**values)


def change_options(recorded: TrainOptions, given: Mapping[str, Any]) -> TrainOptions:
    """The options with which a run goes on: recorded ones with the changes that a resumed run allows."""
    fixed = [
        phrase(
            "{name}: the run has {has} and cannot change to {wanted}",
            name=name,
            has=_show(getattr(recorded, name)),
            wanted=_show(value),
        )
        for name, value in given.items()
        if name in _RULES and name not in CHANGEABLE and value != getattr(recorded, name)
    ]
    if fixed:
        raise GuestError(
            _listed(phrase("A resumed run keeps its options"), fixed),
            phrase(
                "Only {names} may change; start a run with a new name for the rest.",
                names=", ".join(CHANGEABLE),
            ),
        )
    return read_options({**recorded.as_dict(), **given})


def train_arguments(
    options: TrainOptions, *, model: PurePath, train_file: PurePath, output: PurePath, resume_from: PurePath | None
) -> dict[str, Any]:
    """What `ptuning/main.py` is given to train."""
    arguments: dict[str, Any] = {
        "do_train": True,
        "model_name_or_path": model_path(model),
        "train_file": str(train_file),
        "overwrite_cache": True,
        "output_dir": str(output),
        # Does not delete older checkpoints; without it upstream refuses a folder that has files.
        "overwrite_output_dir": True,
        "max_steps": options.max_steps,
        "per_device_train_batch_size": options.per_device_train_batch_size,
        "gradient_accumulation_steps": options.gradient_accumulation_steps,
        "learning_rate": options.learning_rate,
        "logging_steps": options.logging_steps,
        # A loss of 0 or NaN shows after the first step, seconds from the start, instead of after ten.
        "logging_first_step": True,
        # The trainer replaces NaN losses by an average of earlier ones unless told not to, so that a run whose
        # loss is NaN from the start is logged as "loss 0.0".
        "logging_nan_inf_filter": False,
        "save_steps": options.save_steps,
        "save_total_limit": options.save_total_limit,
        "seed": options.seed,
        "report_to": ["none"],
        **_shared(options),
    }
    if resume_from is not None:
        arguments["resume_from_checkpoint"] = str(resume_from)
    return arguments


def predict_arguments(
    options: TrainOptions,
    *,
    model: PurePath,
    test_file: PurePath,
    output: PurePath,
    checkpoint: PurePath,
    samples: int | None,
    batch_size: int = 1,
) -> dict[str, Any]:
    """What `ptuning/main.py` is given to predict on the dev set."""
    arguments: dict[str, Any] = {
        "do_predict": True,
        "model_name_or_path": model_path(model),
        "ptuning_checkpoint": str(checkpoint),
        "test_file": str(test_file),
        "overwrite_cache": True,
        "output_dir": str(output),
        "overwrite_output_dir": True,
        "per_device_eval_batch_size": batch_size,
        "predict_with_generate": True,
        "seed": options.seed,
        "report_to": ["none"],
        **_shared(options),
    }
    if samples is not None:
        arguments["max_predict_samples"] = samples
    return arguments


def serve_arguments(options: TrainOptions, *, model: PurePath, checkpoint: PurePath) -> dict[str, Any]:
    """What `ptuning/web_demo.py` is given; it takes the model's arguments only and refuses any other."""
    arguments: dict[str, Any] = {
        "model_name_or_path": model_path(model),
        "ptuning_checkpoint": str(checkpoint),
        "pre_seq_len": options.pre_seq_len,
        "prefix_projection": options.prefix_projection,
    }
    if options.quantization_bit is not None:
        arguments["quantization_bit"] = options.quantization_bit
    return arguments


def write_arguments(path: Path, arguments: Mapping[str, Any]) -> None:
    """Write upstream's options file: pure ASCII without a byte order mark.

    transformers 4.27.1 opens it without naming an encoding (GBK on a Chinese Windows), and a mark stops its parser.
    """
    text = json.dumps(arguments, ensure_ascii=True, indent=2, sort_keys=True) + "\n"
    replace_file(path, text.encode("ascii"))


def model_path(path: PurePath) -> str:
    """The model's folder in the form that transformers 4.27.1 can import code from.

    It takes the part after the last separator of the system as a package name: forward slashes on Windows, a slash
    at the end, or a dot in the name make an import fail that seems unrelated (THUDM/ChatGLM-6B issues 310, 1038).
    """
    text = str(path)
    if "." in path.name or not path.name:
        raise GuestError(
            phrase("The model's folder {text} cannot be used: its name must not be empty or contain a dot.", text=text),
            phrase("Move the model to a folder such as C:\\chatglm-6b and set CHATGLM_MODEL."),
        )
    if isinstance(path, PureWindowsPath) and not path.is_absolute():
        raise GuestError(
            phrase("The model's folder {text} must be an absolute path.", text=text),
            phrase("Write it like C:\\chatglm-6b."),
        )
    return text


def _shared(options: TrainOptions) -> dict[str, Any]:
    """What training and prediction must have in common. The clean file's prompts hold the history already."""
    shared: dict[str, Any] = {
        "prompt_column": options.prompt_column,
        "response_column": options.response_column,
        "max_source_length": options.max_source_length,
        "max_target_length": options.max_target_length,
        "pre_seq_len": options.pre_seq_len,
        "prefix_projection": options.prefix_projection,
    }
    if options.quantization_bit is not None:
        shared["quantization_bit"] = options.quantization_bit
    return shared


@dataclass(frozen=True)
class _Rule:
    text: str
    holds: Callable[[Any], bool]


def _whole(low: int, high: int) -> _Rule:
    return _Rule(
        phrase("a whole number from {low} to {high}", low=low, high=high),
        lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high,
    )


def _is_rate(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 < value <= 1


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 0.5


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


_RULES: dict[str, _Rule] = {
    "pre_seq_len": _whole(1, 1024),
    "prefix_projection": _Rule(phrase("true or false"), lambda value: isinstance(value, bool)),
    "quantization_bit": _Rule(
        phrase("4, 8 or null"), lambda value: value is None or (isinstance(value, int) and value in (4, 8))
    ),
    "learning_rate": _Rule(phrase("a number above 0 and up to 1"), _is_rate),
    "max_source_length": _whole(2, MODEL_TOKENS),
    "max_target_length": _whole(3, MODEL_TOKENS),
    "per_device_train_batch_size": _whole(1, 256),
    "gradient_accumulation_steps": _whole(1, 4096),
    "max_steps": _whole(1, 10_000_000),
    "logging_steps": _whole(1, 10_000),
    "save_steps": _whole(1, 10_000_000),
    # Two, so that the newest checkpoint is not deleted while it is fetched (on Windows that would stop the training),
    # and so that a checkpoint that turns out half-written has another one behind it.
    "save_total_limit": _whole(2, 1000),
    "prompt_column": _Rule(phrase("the name of a column"), _is_name),
    "response_column": _Rule(phrase("the name of a column"), _is_name),
    "history_column": _Rule(phrase("the name of a column, or null"), lambda value: value is None or _is_name(value)),
    "seed": _whole(0, 2**32 - 1),
    "hold_out": _Rule(phrase("a share of the rows from 0 to 0.5"), _is_share),
    "patience": _Rule(
        phrase("a whole number from 1 to 1000, or null"), lambda value: value is None or _whole(1, 1000).holds(value)
    ),
}


def _together(options: TrainOptions) -> list[str]:
    mistakes = []
    tokens = options.max_source_length + options.max_target_length
    if tokens > MODEL_TOKENS:
        mistakes.append(
            phrase(
                "max_source_length + max_target_length: {tokens} is more than the model's {limit} tokens",
                tokens=tokens,
                limit=MODEL_TOKENS,
            )
        )
    if options.patience is not None and not options.hold_out:
        mistakes.append(phrase("patience: nothing is measured to be patient about; give hold_out too"))
    names = options.columns.names()
    if len(set(names)) < len(names):
        mistakes.append(phrase("prompt_column, response_column and history_column must be different columns"))
    return mistakes


def _unknown(given: Mapping[str, Any]) -> list[str]:
    mistakes = []
    for name in given:
        if name not in _RULES:
            near = difflib.get_close_matches(str(name), _RULES, n=1)
            mistakes.append(
                phrase("{name}: there is no such option; did you mean {near}?", name=name, near=near[0])
                if near
                else phrase("{name}: there is no such option", name=name)
            )
    return mistakes


def _listed(title: str, mistakes: Sequence[str]) -> str:
    return phrase("{title}:\n  {listed}", title=title, listed=joined("\n  ", mistakes))


def _show(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
