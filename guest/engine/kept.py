"""Quantised weights that are kept beside the model: the next start reads 4 GB and not 13.

One file: a mark, the length of a JSON header, the header (name, type, sizes, place and checksum of each tensor, and of
which model they were made), then the numbers, each tensor at a multiple of 4096 bytes.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from guest.engine.shape import Shape
from guest.engine.shards import INDEX, SINGLE, Entry
from guest.files import replacing

_MARK = b"ChatGLM engine 1"
_PAGE = 4096
#: Free space that stays: Windows, logs and a training's checkpoints need it.
RESERVE_BYTES = 10 * 10**9


def kept_file(model: Path, bits: int) -> Path:
    return model / f"engine-int{bits}.weights"


def origin(model: Path, shape: Shape) -> dict[str, Any]:
    """What tells one model's files from another's: the names, sizes and times of the files of weights."""
    names = sorted(
        path for path in model.glob("pytorch_model*") if path.name in (INDEX, SINGLE) or path.suffix == ".bin"
    )
    files = [[path.name, path.stat().st_size, int(path.stat().st_mtime)] for path in names]
    return {"files": files, "layers": shape.layers, "hidden": shape.hidden, "vocabulary": shape.vocabulary}


def kept_entries(model: Path, shape: Shape, bits: int) -> dict[str, Entry] | None:
    """The tensors that were kept of these very files in this precision, or None. A broken file counts as none."""
    path = kept_file(model, bits)
    try:
        with path.open("rb") as file:
            if file.read(len(_MARK)) != _MARK:
                return None
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            size = os.fstat(file.fileno()).st_size
    except (OSError, ValueError):
        return None
    if header.get("origin") != origin(model, shape) or header.get("bytes") != size:
        return None
    return {
        row["name"]: Entry(
            row["name"], path, row["dtype"], tuple(row["shape"]), row["offset"], row["bytes"], row["crc"]
        )
        for row in header["tensors"]
    }


def keep(
    model: Path, shape: Shape, bits: int, tensors: Mapping[str, Any], card: AbstractContextManager[Any] | None = None
) -> str:
    """Write the tensors beside the model; returns one line that says what was done. The disk may be too full for it.

    `card` is entered for each copy from the card.
    """
    path = kept_file(model, bits)
    sizes = {name: tensor.numel() * tensor.element_size() for name, tensor in tensors.items()}
    needed = sum(sizes.values())
    free = shutil.disk_usage(model).free
    if free - needed < RESERVE_BYTES:
        return f"The int{bits} weights are not kept: {free / 1e9:.0f} GB are free, and 10 GB must stay so."
    # Checksums stand in the header before the numbers, so its length must not depend on them.
    rows = [
        {
            "name": name,
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "bytes": sizes[name],
            "crc": 0,
            "offset": 0,
        }
        for name, tensor in tensors.items()
    ]
    header: dict[str, Any] = {"origin": origin(model, shape), "bytes": 0, "tensors": rows}
    start = _round_up(len(_MARK) + 8 + len(_encode(header)) + 32 * len(rows) + 64)
    place = start
    for row in rows:
        row["offset"], place = place, _round_up(place + row["bytes"])
    for left in model.glob(f"{path.name}.*new"):
        left.unlink(missing_ok=True)  # of a start that a power cut ended: as large as the weights themselves
    try:
        with replacing(path) as file:
            for row in rows:
                with card or nullcontext():
                    copy = tensors[row["name"]].detach().contiguous().cpu()
                content = copy.view(-1).numpy().tobytes()
                row["crc"] = zlib.crc32(content)
                file.seek(row["offset"])
                file.write(content)
            header["bytes"] = file.tell()
            file.seek(0)
            told = _encode(header)
            file.write(_MARK + len(told).to_bytes(8, "little") + told)
    except OSError as error:
        return f"The int{bits} weights are not kept: {error.strerror or error}."
    return f"The int{bits} weights are kept in {path.name} ({needed / 1e9:.1f} GB): the next start reads them."


def _encode(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header).encode("ascii")


def _round_up(place: int) -> int:
    return -(-place // _PAGE) * _PAGE
