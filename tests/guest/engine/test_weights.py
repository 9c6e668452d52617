"""Reading the model's files: whole ones, broken ones, those of another model, and what is kept beside them."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from guest.engine import kept
from guest.engine.decoder import Decoder
from guest.engine.prefix import load_prefix
from guest.engine.prompt import place
from guest.engine.quantise import scale_and_round
from guest.engine.shape import Shape, read_shape
from guest.engine.shards import model_entries, read_entries
from guest.engine.weights import begin_weights, load_weights, tensors
from guest.errors import GuestError
from tools import tiny_model

SECOND = "pytorch_model-00002-of-00002.bin"


@pytest.fixture
def folder(model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "model"))


def load(folder: Path, torch: Any, precision: str = "fp16") -> Any:
    return load_weights(folder, read_shape(folder), precision, "cpu", dtype=torch.float32)[0]


def logits(weights: Any) -> Any:
    decoder = Decoder(weights, 128, most=1)
    return decoder._prefill.run(place(tiny_model.prompts()[3], decoder.shape), 0, None)


def test_every_number_arrives(torch: Any, folder: Path) -> None:
    weights = load(folder, torch)
    expected = tiny_model.arrays()
    held = tensors(weights)
    assert held.keys() == expected.keys() - {"transformer.word_embeddings.weight"}
    for name, tensor in held.items():
        assert torch.equal(tensor.half(), torch.from_numpy(expected[name])), name


def test_of_two_tied_matrices_only_the_output_layers_is_read(torch: Any, folder: Path) -> None:
    weights = load(folder, torch)
    assert weights.embedding is weights.output.data


def test_progress_is_told_in_bytes(torch: Any, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    load_weights(folder, read_shape(folder), "fp16", "cpu", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
    assert seen == sorted(seen)


def test_tensors_stand_before_their_numbers_are_there(torch: Any, folder: Path) -> None:
    with begin_weights(folder, read_shape(folder), "fp16", "cpu") as loading:
        places = {name: tensor.data_ptr() for name, tensor in tensors(loading.weights).items()}
        loading.finish()
        assert {name: tensor.data_ptr() for name, tensor in tensors(loading.weights).items()} == places
    expected = tiny_model.arrays()
    for name, tensor in tensors(loading.weights).items():
        assert torch.equal(tensor, torch.from_numpy(expected[name])), name


def test_a_damage_that_is_found_late_is_told_at_the_end(torch: Any, folder: Path) -> None:
    entry = read_entries(folder / SECOND)[2]
    flip(folder / SECOND, entry.offset + entry.bytes // 2)
    loading = begin_weights(folder, read_shape(folder), "fp16", "cpu")
    with loading, pytest.raises(GuestError, match=rf"{SECOND} is damaged at {entry.name}"):
        loading.finish()


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_is_found_by_the_checksum(torch: Any, folder: Path) -> None:
    entry = read_entries(folder / SECOND)[2]
    flip(folder / SECOND, entry.offset + entry.bytes // 2)
    with pytest.raises(GuestError, match=rf"{SECOND} is damaged at {entry.name}"):
        load(folder, torch)


@pytest.mark.parametrize("keep_bytes", [0, 100, 20_000])
def test_a_file_cut_short_is_named(torch: Any, folder: Path, keep_bytes: int) -> None:
    path = folder / SECOND
    path.write_bytes(path.read_bytes()[:keep_bytes])
    with pytest.raises(GuestError, match=rf"{SECOND} is not a whole file"):
        load(folder, torch)


def test_a_missing_file_is_named(torch: Any, folder: Path) -> None:
    (folder / SECOND).unlink()
    with pytest.raises(GuestError, match=f"{SECOND} is missing"):
        load(folder, torch)


class Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("ran",)


def test_a_file_that_wants_to_run_something_is_refused_and_runs_nothing(
    torch: Any, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(folder / SECOND, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": Harmful()}))
    with pytest.raises(GuestError, match=r"names builtins\.print"):
        load(folder, torch)
    assert capsys.readouterr().out == ""


def test_weights_of_another_size_are_refused(torch: Any, folder: Path) -> None:
    changed = {**tiny_model.arrays()}
    changed["lm_head.weight"] = changed["lm_head.weight"][:-16]
    tiny_model.write_model(folder, changed)
    with pytest.raises(GuestError, match=r"lm_head\.weight has the sizes \(304, 128\)"):
        load(folder, torch)


def test_missing_tensors_are_counted(torch: Any, folder: Path) -> None:
    lacking = {name: array for name, array in tiny_model.arrays().items() if ".layers.2." not in name}
    tiny_model.write_model(folder, lacking)
    with pytest.raises(GuestError, match="lack 12 tensors"):
        load(folder, torch)


@pytest.mark.parametrize("bits", [8, 4])
def test_kept_weights_give_the_same_model(torch: Any, folder: Path, shape: Shape, bits: int) -> None:
    precision = f"int{bits}"
    fresh, was_kept = load_weights(folder, shape, precision, "cpu")
    assert not was_kept
    assert "are kept in" in kept.keep(folder, shape, bits, tensors(fresh))
    again, was_kept = load_weights(folder, shape, precision, "cpu")
    assert was_kept
    for name, tensor in tensors(fresh).items():
        assert torch.equal(tensor, tensors(again)[name]), name


def test_kept_weights_of_other_files_are_passed_over(torch: Any, folder: Path, shape: Shape) -> None:
    fresh, _ = load_weights(folder, shape, "int4", "cpu")
    kept.keep(folder, shape, 4, tensors(fresh))
    with (folder / SECOND).open("ab") as file:
        file.write(b"\0")
    assert kept.kept_entries(folder, shape, 4) is None


def test_a_kept_file_cut_short_is_passed_over(torch: Any, folder: Path, shape: Shape) -> None:
    fresh, _ = load_weights(folder, shape, "int4", "cpu")
    kept.keep(folder, shape, 4, tensors(fresh))
    path = kept.kept_file(folder, 4)
    path.write_bytes(path.read_bytes()[:-1])
    assert kept.kept_entries(folder, shape, 4) is None


def test_a_kept_file_with_wrong_bytes_is_deleted_and_the_models_own_files_are_read(
    torch: Any, folder: Path, shape: Shape
) -> None:
    fresh, _ = load_weights(folder, shape, "int4", "cpu")
    kept.keep(folder, shape, 4, tensors(fresh))
    path = kept.kept_file(folder, 4)
    entries = kept.kept_entries(folder, shape, 4) or {}
    largest = max(entries.values(), key=lambda entry: entry.bytes)
    with path.open("r+b") as file:
        file.seek(largest.offset + largest.bytes // 2)
        file.write(b"wrong")
    again, was_kept = load_weights(folder, shape, "int4", "cpu")
    assert not was_kept
    assert not path.exists()
    for name, tensor in tensors(fresh).items():
        assert torch.equal(tensor, tensors(again)[name]), name


def test_nothing_is_kept_on_a_full_disk(
    torch: Any, folder: Path, shape: Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh, _ = load_weights(folder, shape, "int4", "cpu")
    usage = shutil._ntuple_diskusage(0, 0, 5 * 10**9)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert "not kept: 5 GB are free" in kept.keep(folder, shape, 4, tensors(fresh))
    assert not kept.kept_file(folder, 4).exists()


def test_upstreams_ready_int4_files_give_the_model_that_is_quantised_here(torch: Any, tmp_path: Path) -> None:
    arrays, ready = tiny_model.arrays(), {}
    for name, array in arrays.items():
        if any(name.endswith(f"{linear}.weight") for linear in ("query_key_value", "dense", "h_to_4h", "4h_to_h")):
            integers, scale = scale_and_round(torch.from_numpy(array), 4)
            wide = integers.to(torch.int16).view(integers.shape[0], -1, 2)
            ready[name] = ((wide[..., 0] << 4) | (wide[..., 1] & 15)).to(torch.int8).numpy()
            ready[f"{name}_scale"] = scale.numpy()
        else:
            ready[name] = array
    tiny_model.write_model(tmp_path / "ready", ready, {**tiny_model.CONFIG, "quantization_bit": 4})
    tiny_model.write_model(tmp_path / "plain")
    assert torch.equal(logits(load(tmp_path / "ready", torch, "int4")), logits(load(tmp_path / "plain", torch, "int4")))
    with pytest.raises(GuestError, match="hold 4-bit weights; fp16 cannot be made"):
        load(tmp_path / "ready", torch, "fp16")


def test_quantised_logits_stay_near_those_in_full(torch: Any, folder: Path) -> None:
    full = logits(load(folder, torch))
    distance = {p: float((logits(load(folder, torch, p)) - full).norm() / full.norm()) for p in ("int8", "int4")}
    assert distance["int8"] < 0.05
    assert distance["int8"] < distance["int4"]


def test_a_checkpoint_without_a_prefix_is_refused(torch: Any, model: Path, shape: Shape, tmp_path: Path) -> None:
    shutil.copy(model / SECOND, tmp_path / "pytorch_model.bin")
    with pytest.raises(GuestError, match="holds no trained prefix"):
        load_prefix(tmp_path, shape, "cpu", torch.float32)


def test_a_prefix_of_another_model_is_refused(torch: Any, shape: Shape, tmp_path: Path) -> None:
    tiny_model.write_checkpoint(tmp_path, tiny_model.prefix_array()[:, :-1])
    with pytest.raises(GuestError, match="has 767 numbers a token, the model 768"):
        load_prefix(tmp_path, shape, "cpu", torch.float32)


def test_a_folder_without_weights_says_so(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="There are no weights"):
        model_entries(tmp_path)
