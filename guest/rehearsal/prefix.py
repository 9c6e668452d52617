"""Loads a checkpoint's prefix, and fails as upstream does where its length is not the one asked for."""

from __future__ import annotations

from array import array
from pathlib import Path

from guest.rehearsal.console import say
from guest.rehearsal.torch_files import read_floats
from guest.rehearsal.training import WIDTH


def load_prefix(checkpoint: Path, pre_seq_len: int | None) -> array[float]:
    """The prefix in a checkpoint folder; raises RuntimeError on a size mismatch."""
    say(f"Loading prefix_encoder weight from {checkpoint}")
    prefix = read_floats(checkpoint / "pytorch_model.bin")
    saved = len(prefix) // WIDTH
    if saved != pre_seq_len:
        raise RuntimeError(
            "Error(s) in loading state_dict for PrefixEncoder: size mismatch for embedding.weight: copying a param "
            f"with shape torch.Size([{saved}, {WIDTH}]) from checkpoint, the shape in current model is "
            f"torch.Size([{pre_seq_len}, {WIDTH}])."
        )
    return prefix
