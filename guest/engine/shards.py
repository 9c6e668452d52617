"""What lies where in a file that torch saved, read without torch and without running anything that is in it.

Such a file is a zip archive whose members are stored as they are, so that a tensor can be read from its place in the
file straight to where it is wanted. The pickle that names the tensors is read by an unpickler that knows the few names
that torch writes and refuses all others.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from guest.errors import GuestError
from guest.phrases import phrase, said

_TYPES = {
    "HalfStorage": ("float16", 2),
    "FloatStorage": ("float32", 4),
    "BFloat16Storage": ("bfloat16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "IntStorage": ("int32", 4),
    "LongStorage": ("int64", 8),
}
_LOCAL_HEADER = 30
INDEX = "pytorch_model.bin.index.json"
SINGLE = "pytorch_model.bin"


class DamagedError(GuestError):
    """A file of weights does not hold what was written to it: nobody else can load it either."""


@dataclass(frozen=True)
class Entry:
    """One tensor: `offset` and `bytes` are its place in the file; `crc` is that of these bytes, or None if unknown."""

    name: str
    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int
    bytes: int
    crc: int | None


@dataclass(frozen=True)
class _StorageType:
    dtype: str
    size: int


@dataclass(frozen=True)
class _Storage:
    key: str
    kind: _StorageType
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]


def _tensor(storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> _Tensor:
    expected, run = [], 1
    for size in reversed(shape):
        expected.append(run)
        run *= size
    if tuple(reversed(expected)) != tuple(stride) and run > 1:
        raise ValueError("a tensor is not stored row by row")
    return _Tensor(storage, offset, tuple(shape))


def _parameter(tensor: _Tensor, *_: Any) -> _Tensor:
    return tensor


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _TYPES:
            return _StorageType(*_TYPES[name])
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            ("torch._utils", "_rebuild_parameter"): _parameter,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no file of weights needs")
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, _, count = pid
        return _Storage(str(key), kind, int(count))


def read_entries(file: Path) -> list[Entry]:
    """The tensors in a file, in the order of their places. Raises GuestError for a file that is not whole."""
    try:
        with zipfile.ZipFile(file) as archive, file.open("rb") as raw:
            members = {info.filename: info for info in archive.infolist()}
            listing = next(name for name in members if name.endswith("/data.pkl"))
            root = listing.removesuffix("data.pkl")
            with archive.open(listing) as stream:
                state = _Unpickler(stream).load()
            places: dict[str, int] = {}
            entries = []
            for name, tensor in state.items():
                if isinstance(tensor, _Tensor):
                    info = members[f"{root}data/{tensor.storage.key}"]
                    if info.filename not in places:
                        places[info.filename] = _data_offset(raw, info)
                    entries.append(_entry(name, file, tensor, info, places[info.filename]))
    except (OSError, ValueError, KeyError, StopIteration, TypeError, AttributeError, struct.error, EOFError) as error:
        raise _broken(file, said(error) or type(error).__name__) from None
    except (zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise _broken(file, str(error)) from None
    return sorted(entries, key=lambda entry: entry.offset)


def _entry(name: str, file: Path, tensor: _Tensor, info: zipfile.ZipInfo, place: int) -> Entry:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    kind, count = tensor.storage.kind, 1
    for size in tensor.shape:
        count *= size
    start, length = tensor.offset * kind.size, count * kind.size
    if start + length > info.file_size:
        raise ValueError(f"{name} reaches past its storage")
    whole = start == 0 and length == info.file_size
    return Entry(name, file, kind.dtype, tensor.shape, place + start, length, info.CRC if whole else None)


def _data_offset(raw: IO[bytes], info: zipfile.ZipInfo) -> int:
    """The local header's name and padding have lengths of their own."""
    raw.seek(info.header_offset)
    header = raw.read(_LOCAL_HEADER)
    name, extra = struct.unpack("<HH", header[26:30])
    return int(info.header_offset + _LOCAL_HEADER + name + extra)


def _broken(file: Path, why: str) -> DamagedError:
    return DamagedError(
        phrase("{file} is not a whole file of weights: {why}.", file=file.name, why=why),
        phrase("Its hash decides whether it is fetched anew."),
    )


def model_entries(model: Path) -> dict[str, Entry]:
    """All tensors of a model's folder, by name; of shards, in the index' order of files. Raises GuestError."""
    index = model / INDEX
    if index.is_file():
        try:
            table: dict[str, str] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        except (OSError, ValueError, KeyError) as error:
            raise _broken(index, repr(error)) from None
        files = sorted(set(table.values()))
    elif (model / SINGLE).is_file():
        files = [SINGLE]
    else:
        raise GuestError(
            phrase("There are no weights in {model}.", model=model),
            phrase("Run the installation again: what is missing is fetched."),
        )
    missing = [name for name in files if not (model / name).is_file()]
    if missing:
        raise GuestError(
            phrase("{missing} is missing in {model}.", missing=", ".join(missing), model=model),
            phrase("Run the installation again: what is missing is fetched."),
        )
    return {entry.name: entry for name in files for entry in read_entries(model / name)}
