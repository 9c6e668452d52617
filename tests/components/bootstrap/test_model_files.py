"""The model's small files: fetched from a real server, held to their hashes, kept, and packed."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.faulty_server import FaultyServer, Source
from components.bootstrap.model_files import pack_model_files
from components.bootstrap.settings import BootstrapSettings
from components.bootstrap.sources import File, small_model_files

CONTENTS = {"config.json": b"{}" * 300, "modeling.py": b"print()\n" * 900}


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(dict(CONTENTS), {"one": Source(), "two": Source()}).running() as made:
        yield made


def files(server: FaultyServer, *sources: str) -> list[File]:
    return [
        File(name, "model", f"C:\\{name}", tuple(server.url(source, name) for source in sources), "sha256",
             len(content), hashlib.sha256(content).hexdigest())
        for name, content in CONTENTS.items()
    ]  # fmt: skip


def unpacked(packed: bytes | None) -> dict[str, bytes]:
    assert packed is not None
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_they_are_fetched_once_and_kept(server: FaultyServer, tmp_path: Path) -> None:
    first = pack_model_files(files(server, "one"), tmp_path / "cache")
    assert unpacked(first) == CONTENTS
    asked = len(server.requests)
    assert pack_model_files(files(server, "one"), tmp_path / "cache") == first
    assert len(server.requests) == asked == 2


def test_a_wrong_or_missing_one_comes_from_the_next_source(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].wrong = {"config.json"}
    assert unpacked(pack_model_files(files(server, "one", "two"), tmp_path)) == CONTENTS
    server.sources["one"] = Source(missing=True)
    assert unpacked(pack_model_files(files(server, "one", "two"), tmp_path / "other")) == CONTENTS


@pytest.mark.parametrize("damage", [b"", b"zeros" * 9, None], ids=["empty", "other", "gone"])
def test_a_damaged_cache_is_mended(server: FaultyServer, tmp_path: Path, damage: bytes | None) -> None:
    pack_model_files(files(server, "one"), tmp_path)
    for kept in tmp_path.iterdir():
        if damage is None:
            kept.unlink()
        else:
            kept.write_bytes(damage)
    assert unpacked(pack_model_files(files(server, "one"), tmp_path)) == CONTENTS
    assert sorted(kept.read_bytes() for kept in tmp_path.iterdir()) == sorted(CONTENTS.values())


def test_what_can_be_had_is_packed_and_nothing_is_none(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].wrong = {"config.json"}
    assert set(unpacked(pack_model_files(files(server, "one"), tmp_path))) == {"modeling.py"}
    server.sources["one"] = Source(missing=True)
    assert pack_model_files(files(server, "one"), tmp_path / "other") is None
    assert pack_model_files([], tmp_path) is None


def test_no_time_is_lost_where_nothing_answers(server: FaultyServer, tmp_path: Path) -> None:
    assert pack_model_files(files(server, "one"), tmp_path, patience_seconds=0) is None
    assert server.requests == []


def test_a_file_without_an_end_is_not_read_to_it(server: FaultyServer, tmp_path: Path) -> None:
    server.files["config.json"] = bytes(50_000_000)
    assert set(unpacked(pack_model_files(files(server, "one"), tmp_path))) == {"modeling.py"}
    assert server.sent["config.json"] < 20_000_000


def test_a_cache_that_cannot_be_written_costs_the_next_fetch_only(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be", encoding="utf-8")
    assert unpacked(pack_model_files(files(server, "one"), tmp_path / "cache")) == CONTENTS


def test_the_small_files_are_those_that_only_the_hub_and_its_mirror_have() -> None:
    small = small_model_files(BootstrapSettings(), "ap-guangzhou")
    assert (len(small), sum(file.size for file in small)) == (7, 128_627)
    assert all(len(file.urls) == 2 for file in small)
