"""Plays upstream's `ptuning/web_demo.py`: the page of a fine-tuned model, without a model."""

from __future__ import annotations

import math
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))

from guest.rehearsal.arguments import ModelArguments, parse
from guest.rehearsal.page import serve
from guest.rehearsal.prefix import load_prefix


def main() -> None:
    arguments = parse(ModelArguments, sys.argv)
    if arguments.ptuning_checkpoint is None:
        serve("base model")
        return
    prefix = load_prefix(Path(arguments.ptuning_checkpoint), arguments.pre_seq_len)
    mean = math.fsum(prefix) / max(1, len(prefix))
    folder = Path(arguments.ptuning_checkpoint)
    serve(f"{folder.parent.parent.name}/{folder.name}, prefix of {arguments.pre_seq_len} tokens with mean {mean:.4f}")


if __name__ == "__main__":
    main()
