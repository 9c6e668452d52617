"""Loads what the programs serve or evaluate: the model that is not there, and a checkpoint's prefix that is."""

from __future__ import annotations

from pathlib import Path

from guest.rehearsal.arguments import ModelArguments
from guest.rehearsal.console import Bar, say
from guest.rehearsal.model import Model
from guest.rehearsal.torch_files import read_floats


def load_model(arguments: ModelArguments) -> Model:
    """The model, with the checkpoint's prefix where one is named; raises RuntimeError on a size mismatch."""
    shards = Bar(8, "Loading checkpoint shards")
    for _ in range(8):
        shards.update()
    model = Model(pre_seq_len=arguments.pre_seq_len)
    if arguments.ptuning_checkpoint is None:
        say(
            "\nSome weights of ChatGLMForConditionalGeneration were not initialized from the model checkpoint at "
            f"{arguments.model_name_or_path} and are newly initialized: ['transformer.prefix_encoder.embedding.weight']"
        )
    else:
        say(f"\nLoading prefix_encoder weight from {arguments.ptuning_checkpoint}")
        weights = read_floats(Path(arguments.ptuning_checkpoint) / "pytorch_model.bin")
        model.transformer.prefix_encoder.load_state_dict({"embedding.weight": weights})
    if arguments.quantization_bit is not None:
        model.quantize(arguments.quantization_bit)
    return model
