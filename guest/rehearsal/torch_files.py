"""Writes and reads tensors in the form of `torch.save`: a zip archive with a pickle and one file of floats a tensor.

Written by hand because torch is not installed where rehearsals run. It is the real form, so that whatever reads real
checkpoints reads these.
"""

from __future__ import annotations

import math
import struct
import zipfile
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path

Tensors = Mapping[str, tuple[Sequence[int], "array[float]"]]


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Write named (shape, 32-bit floats) pairs."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(tensors))
        for number, (_, values) in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{number}", values.tobytes())
        archive.writestr("archive/version", "3\n")


def read_floats(path: Path, number: int = 0) -> array[float]:
    """The floats of one tensor, by its position in the file."""
    with zipfile.ZipFile(path) as archive:
        values = array("f")
        values.frombytes(archive.read(f"archive/data/{number}"))
        return values


def _pickled(tensors: Tensors) -> bytes:
    """The pickle that `torch.load` expects: every tensor is rebuilt from a storage that is kept beside the pickle."""
    items = b"".join(
        _text(name) + _tensor(str(number), shape) for number, (name, (shape, _)) in enumerate(tensors.items())
    )
    return b"\x80\x02}(" + items + b"u."


def _tensor(key: str, shape: Sequence[int]) -> bytes:
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    storage = _text("storage") + b"ctorch\nFloatStorage\n" + _text(key) + _text("cpu") + _int(math.prod(shape))
    no_hooks = b"ccollections\nOrderedDict\n)R"
    arguments = b"(" + storage + b"tQ" + _int(0) + _ints(shape) + _ints(strides) + b"\x89" + no_hooks
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _int(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _ints(values: Sequence[int]) -> bytes:
    return b"(" + b"".join(_int(value) for value in values) + b"t"
