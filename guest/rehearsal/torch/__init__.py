"""Plays the few functions of torch that this project calls around upstream's programs; there are no tensors here."""

from __future__ import annotations

import contextlib
from array import array
from pathlib import Path
from typing import Any

from guest.rehearsal.torch_files import read_floats


def tensor(values: Any, **_: Any) -> Any:
    return values


def no_grad() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


def load(path: str | Path, **_: Any) -> dict[str, array[float]]:
    """The one tensor of a checkpoint's weights."""
    return {"transformer.prefix_encoder.embedding.weight": read_floats(Path(path))}


def manual_seed(seed: int) -> None:  # noqa: ARG001
    return
