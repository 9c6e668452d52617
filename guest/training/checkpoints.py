"""Checkpoints of a run: which are complete, and how long the prefix in them is.

The trainer writes, in this order, pytorch_model.bin, optimizer.pt, scheduler.pt, trainer_state.json and rng_state.pth
(transformers 4.27.1 `Trainer._save_checkpoint`), straight under their final names: a machine that is taken away in
between leaves a folder that looks like a checkpoint and cannot be resumed.
"""

from __future__ import annotations

import collections
import json
import pickle
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from guest.phrases import phrase

WEIGHTS = "pytorch_model.bin"
STATE = "trainer_state.json"
TORCH_FILES = (WEIGHTS, "optimizer.pt", "scheduler.pt", "rng_state.pth")
REQUIRED = (*TORCH_FILES, STATE)

_FOLDER = re.compile(r"checkpoint-(\d+)")
# Of P-Tuning v2's two forms, the first row-wise table of the prefix: one row a virtual token.
_EMBEDDING = "prefix_encoder.embedding.weight"


@dataclass(frozen=True)
class Checkpoint:
    """One `checkpoint-N` folder; `faults` says why it cannot be used (empty: it is complete)."""

    step: int
    path: Path
    bytes: int
    faults: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def complete(self) -> bool:
        return not self.faults

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "step": self.step,
            "bytes": self.bytes,
            "complete": self.complete,
            "faults": list(self.faults),
        }


def list_checkpoints(output: Path) -> list[Checkpoint]:
    """All checkpoint folders in a run's output folder, oldest step first."""
    if not output.is_dir():
        return []
    folders = [folder for folder in output.iterdir() if folder.is_dir() and _FOLDER.fullmatch(folder.name)]
    return sorted((inspect(folder) for folder in folders), key=lambda checkpoint: checkpoint.step)


def newest_complete(output: Path) -> Checkpoint | None:
    """The checkpoint to resume from: the newest whose files are all there and whole, read to the last byte."""
    for checkpoint in reversed(list_checkpoints(output)):
        if checkpoint.complete and not damaged_files(checkpoint.path):
            return checkpoint
    return None


def inspect(folder: Path) -> Checkpoint:
    """Look at a checkpoint folder without reading its tensors: quick enough for every status call."""
    match = _FOLDER.fullmatch(folder.name)
    step = int(match.group(1)) if match else -1
    faults = []
    for name in TORCH_FILES:
        path = folder / name
        if not path.is_file():
            faults.append(phrase("{name} is missing", name=name))
        elif not _has_zip_end(path):
            faults.append(phrase("{name} is not whole", name=name))
    faults += _state_faults(folder / STATE, step)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Checkpoint(step, folder, size, tuple(faults))


def damaged_files(folder: Path) -> list[str]:
    """Names of the files whose bytes do not fit their own checksums; reads every byte (some seconds)."""
    damaged = []
    for name in TORCH_FILES:
        try:
            with zipfile.ZipFile(folder / name) as archive:
                if archive.testzip() is not None:
                    damaged.append(name)
        except (OSError, zipfile.BadZipFile, EOFError):
            damaged.append(name)
    return damaged


def saved_pre_seq_len(folder: Path) -> int | None:
    """The prefix length of a checkpoint, from the shape of its weights; None where it cannot be told.

    The weights' own word is the one that serving has to follow: a model with another length refuses them.
    """
    try:
        with zipfile.ZipFile(folder / WEIGHTS) as archive:
            entry = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(entry) as file:
                tensors = _ShapeReader(file).load()
    except (OSError, StopIteration, zipfile.BadZipFile, pickle.UnpicklingError, EOFError, ValueError, TypeError):
        return None
    if not isinstance(tensors, dict):
        return None
    shapes = [value.shape for name, value in tensors.items() if str(name).endswith(_EMBEDDING)]
    return shapes[0][0] if shapes and isinstance(shapes[0], tuple) and shapes[0] else None


def _has_zip_end(path: Path) -> bool:
    """Whether the directory at the end of the archive is there; `torch.save` writes it last."""
    try:
        with zipfile.ZipFile(path):
            return True
    except (OSError, zipfile.BadZipFile):
        return False


def _state_faults(path: Path, step: int) -> list[str]:
    if not path.is_file():
        return [phrase("{name} is missing", name=STATE)]
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return [phrase("{name} is not whole", name=STATE)]
    recorded = state.get("global_step") if isinstance(state, dict) else None
    return [] if recorded == step else [phrase("{name} is of step {recorded}", name=STATE, recorded=recorded)]


@dataclass(frozen=True)
class _Tensor:
    shape: Any


class _ShapeReader(pickle.Unpickler):
    """Reads the shapes of tensors without torch, and runs nothing that the file names but what is listed here."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda _storage, _offset, size, *_rest: _Tensor(size)
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"unexpected {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:  # noqa: ARG002 - the storage's place, not needed
        return None
