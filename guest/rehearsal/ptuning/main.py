"""Plays upstream's `ptuning/main.py`: trains or predicts by one options file, without a model."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parents[3]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1]))

from guest.rehearsal.arguments import Arguments, parse
from guest.rehearsal.console import log, say
from guest.rehearsal.loading import load_model
from guest.rehearsal.prediction import predict
from guest.rehearsal.training import train


def main() -> None:
    say("REHEARSAL, not ChatGLM: no model is loaded, losses and scores mean nothing.")
    arguments = parse(Arguments, sys.argv)
    if not (arguments.do_train or arguments.do_predict):
        log("There is nothing to do. Please pass `do_train`, `do_eval` and/or `do_predict`.")
        return
    load_model(arguments)
    if arguments.do_train:
        train(arguments)
    if arguments.do_predict:
        predict(arguments)


if __name__ == "__main__":
    main()
