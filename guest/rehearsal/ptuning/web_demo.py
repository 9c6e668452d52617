"""Plays upstream's `ptuning/web_demo.py`: the page of a fine-tuned model, without a model."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[3]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from guest.rehearsal.arguments import ModelArguments, parse
from guest.rehearsal.loading import load_model
from guest.rehearsal.model import Tokenizer
from guest.rehearsal.page import build


def main() -> None:
    arguments = parse(ModelArguments, sys.argv)
    model = load_model(arguments)
    build(model, Tokenizer()).queue().launch(share=False, inbrowser=True)


if __name__ == "__main__":
    main()
