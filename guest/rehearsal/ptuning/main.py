"""Plays upstream's `ptuning/main.py`: trains or predicts by one options file, without a model."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))

from guest.rehearsal.arguments import Arguments, parse
from guest.rehearsal.console import Bar, log, say
from guest.rehearsal.prediction import predict
from guest.rehearsal.prefix import load_prefix
from guest.rehearsal.training import train


def main() -> None:
    say("REHEARSAL, not ChatGLM: no model is loaded, losses and scores mean nothing.")
    arguments = parse(Arguments, sys.argv)
    if not (arguments.do_train or arguments.do_predict):
        log("There is nothing to do. Please pass `do_train`, `do_eval` and/or `do_predict`.")
        return
    if arguments.quantization_bit is not None:
        say(f"Quantized to {arguments.quantization_bit} bit")
    shards = Bar(8, "Loading checkpoint shards")
    for shard in range(1, 9):
        shards.draw(shard)
    if arguments.do_train:
        train(arguments)
    if arguments.do_predict:
        load_prefix(Path(arguments.ptuning_checkpoint or ""), arguments.pre_seq_len)
        predict(arguments)


if __name__ == "__main__":
    main()
