"""A run as one file: what it carries, and that a bad one changes nothing."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from guest.errors import GuestError
from guest.training import bundle, runs
from guest.training.bundle import pack, unpack
from guest.training.checkpoints import REQUIRED
from guest.training.options import read_options
from guest.training.runs import DataFile, Record, Run, create_run

from .test_checkpoints import make


def make_run(folder: Path, *, step: int | None = 50, data_hash: str = "a" * 64, state: str = runs.FINISHED) -> Run:
    record = Record("first", read_options({"pre_seq_len": 4}), DataFile("train.json", data_hash, 8), created=runs.now())
    run = create_run(folder, record)
    run.update(state=state)
    run.train_file.parent.mkdir()
    run.train_file.write_text('{"content": "a", "summary": "b"}\n')
    if step is not None:
        make(run.output, step)
        (run.output / "train_results.json").write_text("{}")
    (run.evaluation / "checkpoint-50").mkdir(parents=True)
    (run.evaluation / "checkpoint-50" / "predict_results.json").write_text("{}")
    run.log.write_text("log")
    return run


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_brings_everything_back_to_the_byte(tmp_path: Path) -> None:
    run = make_run(tmp_path / "here")
    packed = pack(run, tmp_path / "first.zip")
    assert (packed.step, packed.bytes) == (50, (tmp_path / "first.zip").stat().st_size)
    taken, step = unpack(packed.path, tmp_path / "there", sha256=packed.sha256)
    assert step == 50
    assert files_of(taken.folder) == files_of(run.folder)
    assert taken.newest_complete() is not None
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["first"]


def test_the_optimizer_s_state_is_in_it_and_older_checkpoints_are_not(tmp_path: Path) -> None:
    run = make_run(tmp_path / "here")
    make(run.output, 40)
    with zipfile.ZipFile(pack(run, tmp_path / "first.zip").path) as archive:
        names = set(archive.namelist())
    assert {f"first/output/checkpoint-50/{name}" for name in REQUIRED} <= names
    assert not any("checkpoint-40" in name for name in names)


def test_a_half_written_newest_checkpoint_is_passed_over(tmp_path: Path) -> None:
    run = make_run(tmp_path / "here")
    (make(run.output, 60) / "rng_state.pth").unlink()
    assert pack(run, tmp_path / "first.zip").step == 50


def test_a_run_without_checkpoint_can_be_carried_too(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here", step=None), tmp_path / "first.zip")
    assert packed.step is None
    assert unpack(packed.path, tmp_path / "there")[0].record.name == "first"


def test_a_running_run_arrives_as_interrupted(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here", state=runs.RUNNING), tmp_path / "first.zip")
    assert unpack(packed.path, tmp_path / "there")[0].record.state == runs.INTERRUPTED


def test_an_older_copy_of_the_run_gains_the_checkpoint_and_keeps_its_own(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here", step=80), tmp_path / "first.zip", data=False)
    there = make_run(tmp_path / "there", step=50)
    (make(there.output, 60) / "optimizer.pt").unlink()
    run, step = unpack(packed.path, tmp_path / "there")
    assert step == 80
    assert [one.step for one in run.checkpoints()] == [50, 80]
    assert [path.name.partition("-1")[0] for path in (run.folder / "broken").iterdir()] == ["checkpoint-60"]


def test_a_newer_copy_of_the_run_keeps_its_newer_checkpoint(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here", step=50), tmp_path / "first.zip")
    there = make_run(tmp_path / "there", step=80)
    unpack(packed.path, tmp_path / "there")
    newest = there.newest_complete()
    assert newest is not None
    assert newest.step == 80


def test_another_run_of_the_same_name_is_not_mixed_with_it(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip")
    there = make_run(tmp_path / "there", data_hash="b" * 64)
    before = files_of(there.folder)
    with pytest.raises(GuestError, match="is another one"):
        unpack(packed.path, tmp_path / "there")
    assert files_of(there.folder) == before


def test_a_bundle_without_data_needs_a_machine_that_has_them(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip", data=False)
    with pytest.raises(GuestError, match="made without its data"):
        unpack(packed.path, tmp_path / "there")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


def text(path: Path) -> None:
    path.write_text("not a zip")


@pytest.mark.parametrize("spoil", [cut, flip, text])
def test_a_spoilt_bundle_is_refused_and_changes_nothing(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip")
    spoil(packed.path)
    with pytest.raises(GuestError, match="not a whole bundle"):
        unpack(packed.path, tmp_path / "there")
    with pytest.raises(GuestError, match="changed in transfer"):
        unpack(packed.path, tmp_path / "there", sha256=packed.sha256)
    assert not (tmp_path / "there").exists() or list((tmp_path / "there").iterdir()) == []


def test_any_single_changed_byte_is_noticed_and_changes_nothing(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip")
    good = packed.path.read_bytes()
    chance = random.Random(4)
    for _ in range(120):
        content = bytearray(good)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        packed.path.write_bytes(content)
        shutil.rmtree(tmp_path / "there", ignore_errors=True)
        try:
            run, _ = unpack(packed.path, tmp_path / "there")
        except GuestError:
            assert not (tmp_path / "there").exists() or list((tmp_path / "there").iterdir()) == []
        else:  # a time stamp, or another byte that carries no content
            assert files_of(run.folder) == files_of(tmp_path / "here" / "first")


def rewrite(bundle: Path, change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> None:
    """Change manifest and members of a bundle; the archive itself stays sound."""
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("bundle.json"))
    change(manifest, members)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("bundle.json", json.dumps(manifest))


def test_the_manifest_tells_size_and_hash_of_every_file_as_it_was(tmp_path: Path) -> None:
    run = make_run(tmp_path / "here")
    with zipfile.ZipFile(pack(run, tmp_path / "first.zip").path) as archive:
        entries = json.loads(archive.read("bundle.json"))["files"]
    told = {entry["path"].removeprefix("first/"): (entry["bytes"], entry["sha256"]) for entry in entries}
    assert told == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in files_of(run.folder).items()
    }


@pytest.mark.parametrize("number", range(9))
def test_each_files_hash_is_compared(tmp_path: Path, number: int) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip")

    def exchange(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        name = manifest["files"][number]["path"]
        members[name] = bytes(byte ^ 1 for byte in members[name])

    rewrite(packed.path, exchange)
    with pytest.raises(GuestError, match="is damaged"):
        unpack(packed.path, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


MANGLED: dict[str, tuple[Callable[[dict[str, Any], dict[str, bytes]], object], str]] = {
    "no run": (lambda manifest, _: manifest.pop("run"), "lacks 'run'"),
    "a run of another kind": (lambda manifest, _: manifest.update(run=3), "cannot be the name of a run"),
    "files of another kind": (lambda manifest, _: manifest.update(files=3), "not a whole bundle"),
    "a file without path": (lambda manifest, _: manifest["files"][0].pop("path"), "not a whole bundle"),
    "a path of another kind": (lambda manifest, _: manifest["files"][0].update(path=3), "not a whole bundle"),
    "a size of another kind": (lambda manifest, _: manifest["files"][0].update(bytes="9"), "has no size"),
    "a size below zero": (lambda manifest, _: manifest["files"][0].update(bytes=-9), "has no size"),
    "another size": (lambda manifest, _: manifest["files"][0].update(bytes=9), "another size than its entry"),
    "a file that is not there": (lambda _, members: members.popitem(), "not a whole bundle"),
    "a file twice": (lambda manifest, _: manifest["files"].append(manifest["files"][0]), "not a whole bundle"),
    "a checkpoint without number": (lambda manifest, _: manifest.update(checkpoint="x"), "not a whole bundle"),
    "an older form": (lambda manifest, _: manifest.update(schema=0), "another version of this project"),
    "a newer form": (lambda manifest, _: manifest.update(schema=2), "another version of this project"),
    "a form of another kind": (lambda manifest, _: manifest.update(schema="x"), "another version of this project"),
}


@pytest.mark.parametrize("mangled", MANGLED)
def test_a_mangled_manifest_is_told_in_plain_words(tmp_path: Path, mangled: str) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip")
    change, words = MANGLED[mangled]
    rewrite(packed.path, lambda manifest, members: change(manifest, members) and None)
    with pytest.raises(GuestError, match=words):
        unpack(packed.path, tmp_path / "there")
    assert not (tmp_path / "there" / "first").exists()


@pytest.mark.parametrize(
    "text", [b"[]", b"3", b"{", b"\xff", b"[" * 100_000], ids=["list", "number", "cut", "bytes", "deep"]
)
def test_a_manifest_that_is_none_is_told(tmp_path: Path, text: bytes) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("bundle.json", text)
    with pytest.raises(GuestError, match="not a whole bundle"):
        unpack(tmp_path / "odd.zip", tmp_path / "there")


def swollen(tmp_path: Path, told: int, real: int) -> Path:
    content = bytes(real)
    entry = {"path": "first/train.log", "bytes": told, "sha256": hashlib.sha256(content).hexdigest()}
    manifest = {"schema": 1, "run": "first", "checkpoint": None, "files": [entry]}
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", json.dumps(manifest))
        archive.writestr("first/train.log", content)
    return tmp_path / "bomb.zip"


def test_a_small_bundle_does_not_fill_the_disk(tmp_path: Path) -> None:
    bomb = swollen(tmp_path, 100_000_000, 100_000_000)
    assert bomb.stat().st_size < 200_000
    with pytest.raises(GuestError, match="would unpack to 100,000,000 bytes"):
        unpack(bomb, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_bundle_that_tells_less_than_it_holds_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="another size than its entry says"):
        unpack(swollen(tmp_path, 10, 100_000_000), tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_a_bundle_is_not_unpacked_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip")
    usage = shutil.disk_usage(tmp_path)._replace(free=10)
    monkeypatch.setattr(bundle.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(GuestError, match="are free"):
        unpack(packed.path, tmp_path / "there")


def test_a_bundle_without_its_record_is_told(tmp_path: Path) -> None:
    packed = pack(make_run(tmp_path / "here"), tmp_path / "first.zip")

    def drop(manifest: dict[str, Any], _: dict[str, bytes]) -> None:
        manifest["files"] = [entry for entry in manifest["files"] if not entry["path"].endswith("/run.json")]

    rewrite(packed.path, drop)
    with pytest.raises(GuestError, match="not a whole bundle"):
        unpack(packed.path, tmp_path / "there")


@pytest.mark.parametrize(
    "name",
    [
        "first/../../evil",
        "/etc/evil",
        "first/C:evil",
        "first/..\\evil",
        "other/evil",
        "first",
        "first/nul",
        "first/CON.txt",
        "first/data./x",
        "first/data /x",
        "first/a\x00b",
        "first/a|b",
    ],
)
def test_a_bundle_cannot_write_outside_of_its_run(tmp_path: Path, name: str) -> None:
    manifest: dict[str, Any] = {
        "schema": 1,
        "run": "first",
        "checkpoint": None,
        "files": [{"path": name, "bytes": 0, "sha256": ""}],
    }
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("bundle.json", json.dumps(manifest))
        archive.writestr(name, "x")
    with pytest.raises(GuestError, match="outside of the run"):
        unpack(tmp_path / "evil.zip", tmp_path / "there")
    assert not (tmp_path / "evil").exists()
