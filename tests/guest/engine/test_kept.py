"""The file of kept weights: written whole or not at all, read back to the byte, and never left over. Without torch."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest

from guest.engine import kept
from guest.engine.shape import Shape

SHAPE = Shape(2, 8, 2, 32, 100, 1e-5, 1, 2, 3, 4, 5)


class Tensor:
    """As much of a tensor on the card as keeping asks for, of one byte a number."""

    dtype = "torch.int8"

    def __init__(self, content: bytes, *shape: int) -> None:
        self.content, self.shape = content, shape

    def numel(self) -> int:
        return len(self.content)

    def element_size(self) -> int:
        return 1

    def detach(self) -> Tensor:
        return self

    contiguous = cpu = numpy = detach

    def view(self, _: int) -> Tensor:
        return self

    def tobytes(self) -> bytes:
        return self.content


TENSORS = {"first": Tensor(bytes(range(250)) * 20, 50, 100), "second": Tensor(b"seven b", 7)}


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept, "RESERVE_BYTES", 0)
    (tmp_path / "pytorch_model.bin").write_bytes(b"weights")
    return tmp_path


def test_what_was_kept_is_found_again_to_the_byte(model: Path) -> None:
    assert "are kept in engine-int4.weights" in kept.keep(model, SHAPE, 4, TENSORS)
    entries = kept.kept_entries(model, SHAPE, 4)
    assert entries is not None
    content = kept.kept_file(model, 4).read_bytes()
    for name, tensor in TENSORS.items():
        entry, told = entries[name], tensor.content
        assert content[entry.offset : entry.offset + len(told)] == told
        assert (entry.offset % 4096, entry.crc, entry.shape) == (0, zlib.crc32(told), tensor.shape)


def test_those_of_other_files_and_broken_ones_count_as_none(model: Path) -> None:
    kept.keep(model, SHAPE, 4, TENSORS)
    file = kept.kept_file(model, 4)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert kept.kept_entries(model, SHAPE, 4) is None
    file.write_bytes(whole)
    (model / "pytorch_model.bin").write_bytes(b"other weights")
    assert kept.kept_entries(model, SHAPE, 4) is None


def test_a_start_that_a_power_cut_ended_leaves_nothing_behind(model: Path) -> None:
    drafts = [model / "engine-int4.weights.new", model / "engine-int4.weights.77-1.new"]
    for draft in drafts:
        draft.write_bytes(b"half")
    kept.keep(model, SHAPE, 4, TENSORS)
    assert not [draft for draft in drafts if draft.exists()]


def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("guest.files.os.fsync", full)
    assert kept.keep(model, SHAPE, 4, TENSORS) == "The int4 weights are not kept: No space left on device."
    assert [path.name for path in model.iterdir()] == ["pytorch_model.bin"]
    monkeypatch.setattr(kept, "RESERVE_BYTES", 1 << 62)
    assert "10 GB must stay so" in kept.keep(model, SHAPE, 4, TENSORS)
