"""Which checkpoints count as complete, and what is read from them without torch."""

from __future__ import annotations

import json
import pickle
import zipfile
from array import array
from pathlib import Path

import pytest

from guest.rehearsal.torch_files import read_floats, write_tensors
from guest.training.checkpoints import (
    REQUIRED,
    TORCH_FILES,
    damaged_files,
    inspect,
    list_checkpoints,
    newest_complete,
    saved_pre_seq_len,
)

PREFIX = "transformer.prefix_encoder.embedding.weight"


def make(output: Path, step: int, tokens: int = 4) -> Path:
    folder = output / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    values = array("f", range(tokens * 8))
    for name in TORCH_FILES:
        write_tensors(folder / name, {PREFIX: ([tokens, 8], values)})
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": step}))
    return folder


def test_a_checkpoint_with_all_files_is_complete(tmp_path: Path) -> None:
    checkpoint = inspect(make(tmp_path, 50))
    assert (checkpoint.step, checkpoint.complete, checkpoint.faults) == (50, True, ())
    assert checkpoint.bytes > 0


@pytest.mark.parametrize("name", REQUIRED)
def test_each_of_the_five_files_is_needed(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path, 50)
    (folder / name).unlink()
    assert inspect(folder).faults == (f"{name} is missing",)


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_half_written_file_makes_it_incomplete(tmp_path: Path, name: str, share: float) -> None:
    folder = make(tmp_path, 50)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(len(content) * share)])
    assert inspect(folder).faults == (f"{name} is not whole",)


def test_zeros_where_a_power_cut_left_them_are_found_by_the_checksums(tmp_path: Path) -> None:
    folder = make(tmp_path, 50)
    content = bytearray((folder / "optimizer.pt").read_bytes())
    with zipfile.ZipFile(folder / "optimizer.pt") as archive:
        start = content.index(archive.read("archive/data/0"))
    content[start + 8 : start + 40] = bytes(32)
    (folder / "optimizer.pt").write_bytes(content)
    assert inspect(folder).complete
    assert damaged_files(folder) == ["optimizer.pt"]
    make(tmp_path, 40)
    newest = newest_complete(tmp_path)
    assert newest is not None
    assert newest.step == 40


def test_the_state_must_be_of_the_folder_s_step(tmp_path: Path) -> None:
    folder = make(tmp_path, 50)
    (folder / "trainer_state.json").write_text('{"global_step": 40}')
    assert inspect(folder).faults == ("trainer_state.json is of step 40",)


def test_steps_are_ordered_as_numbers_and_other_folders_ignored(tmp_path: Path) -> None:
    for step in (100, 50, 1000):
        make(tmp_path, step)
    (tmp_path / "checkpoint-old").mkdir()
    (tmp_path / "runs").mkdir()
    assert [one.step for one in list_checkpoints(tmp_path)] == [50, 100, 1000]
    assert list_checkpoints(tmp_path / "none") == []
    assert newest_complete(tmp_path / "none") is None


def test_the_prefix_length_is_read_from_the_saved_shape(tmp_path: Path) -> None:
    assert saved_pre_seq_len(make(tmp_path, 50, tokens=32)) == 32


def test_weights_that_cannot_be_read_give_no_prefix_length(tmp_path: Path) -> None:
    folder = make(tmp_path, 50)
    (folder / "pytorch_model.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    assert saved_pre_seq_len(folder) is None


def test_a_pickle_that_names_something_else_is_not_run(tmp_path: Path) -> None:
    folder = make(tmp_path, 50)
    evidence = tmp_path / "evidence"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return open, (str(evidence),)

    with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({PREFIX: Evil()}))
    assert saved_pre_seq_len(folder) is None


def test_the_rehearsal_s_tensors_come_back_to_the_bit(tmp_path: Path) -> None:
    values = array("f", [0.1, -2.5, 3e-30])
    write_tensors(tmp_path / "x.pt", {"a": ([3], values), "b": ([1, 1], array("f", [7]))})
    assert read_floats(tmp_path / "x.pt") == values
    assert read_floats(tmp_path / "x.pt", 1)[0] == 7
