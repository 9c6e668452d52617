"""The options that the rehearsal understands: a part of upstream's, by the same names and with the same defaults.

Like upstream's parser it refuses names that it does not know.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar


@dataclass
class ModelArguments:
    """What `ptuning/web_demo.py` takes."""

    model_name_or_path: str
    ptuning_checkpoint: str | None = None
    pre_seq_len: int | None = None
    prefix_projection: bool = False
    quantization_bit: int | None = None


@dataclass
class Arguments(ModelArguments):
    """What `ptuning/main.py` takes besides."""

    output_dir: str = ""
    train_file: str | None = None
    test_file: str | None = None
    prompt_column: str | None = None
    response_column: str | None = None
    history_column: str | None = None
    overwrite_cache: bool = False
    max_source_length: int = 1024
    max_target_length: int = 128
    max_predict_samples: int | None = None
    overwrite_output_dir: bool = False
    do_train: bool = False
    do_predict: bool = False
    predict_with_generate: bool = False
    per_device_train_batch_size: int = 8
    per_device_eval_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    learning_rate: float = 5e-5
    max_steps: int = -1
    logging_steps: int = 500
    logging_first_step: bool = False
    logging_nan_inf_filter: bool = True
    save_steps: int = 500
    save_total_limit: int | None = None
    seed: int = 42
    report_to: list[str] | None = None
    resume_from_checkpoint: str | None = None


Kind = TypeVar("Kind", ModelArguments, Arguments)


def parse(kind: type[Kind], argv: list[str]) -> Kind:
    """The arguments in the one `.json` file that is named on the command line."""
    if len(argv) != 2 or not argv[1].endswith(".json"):
        raise SystemExit("rehearsal: the one argument must be a .json file with the options")
    # No encoding is named, as in transformers 4.27.1: the file must be ASCII to be read the same everywhere.
    given: dict[str, Any] = json.loads(Path(argv[1]).read_bytes().decode("ascii"))
    unused = sorted(set(given) - {field.name for field in dataclasses.fields(kind)})
    if unused:
        raise ValueError(f"Some keys are not used by the HfArgumentParser: {unused}")
    return kind(**given)
