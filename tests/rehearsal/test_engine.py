"""The engine: found where its version fits, fetched only as it was published, built with words that are true."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from rehearsal import engine
from rehearsal.engine import EngineError, ensure_engine, fetch_release


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What was shown so far, on one line."""
    screen = io.StringIO()
    monkeypatch.setattr(engine, "console", Console(file=screen, width=400, markup=False))
    return screen.getvalue


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer that has no engine yet; the folder where one will lie."""
    home = tmp_path / "engine" / engine.VERSION
    monkeypatch.setattr(engine, "HOME", home)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return home


def put(folder: Path, version: str) -> Path:
    program = folder / "pulumi"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho v{version}\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


def released(monkeypatch: pytest.MonkeyPatch, sums: Callable[[str, bytes], str]) -> None:
    """A server of releases: an archive of one program, under a list of sums as `sums` makes it of name and bytes."""
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        member = tarfile.TarInfo("pulumi/pulumi")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"hi"))

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        if name.endswith("checksums.txt"):
            wanted = f"pulumi-v{engine.VERSION}-linux-x64.tar.gz"
            return httpx.Response(200, text=sums(wanted, body.getvalue()))
        return httpx.Response(200, content=body.getvalue())

    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    client = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **_: client(transport=httpx.MockTransport(answer)))


def test_an_engine_on_the_path_serves_where_its_version_fits(bare: Path, tmp_path: Path) -> None:
    folder = put(tmp_path / "path", engine.VERSION)
    assert ensure_engine() == folder
    assert not bare.exists()


def test_one_of_another_version_is_left_alone(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "path", "3.1.0")
    monkeypatch.setattr(engine, "fetch_release", lambda target: bool(put(target / "of-the-release", engine.VERSION)))
    assert ensure_engine() == bare / "bin"
    assert (bare / "bin" / "of-the-release" / "pulumi").exists()


def test_a_release_is_taken_by_its_published_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released(monkeypatch, lambda name, body: f"{hashlib.sha256(body).hexdigest()}  {name}\n")
    assert fetch_release(tmp_path)
    assert (tmp_path / "pulumi").read_bytes() == b"hi"


@pytest.mark.parametrize("sums", ["", "0" * 64 + "  {name}\n"], ids=["of no sum", "of another sum"])
def test_a_release_of_other_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sums: str) -> None:
    released(monkeypatch, lambda name, _: sums.format(name=name))
    with pytest.raises(EngineError, match="does not match its published SHA-256"):
        fetch_release(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_release_and_go_it_is_said_what_to_install(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "fetch_release", lambda _: False)
    with pytest.raises(EngineError, match=r"Install Go 1\.21 or newer .*, or Pulumi 3\.259\.0"):
        ensure_engine()
    assert not bare.exists()


def test_the_build_says_on_what_its_time_was_measured_and_on_what_it_runs(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Callable[[], str]
) -> None:
    put(tmp_path / "path", "3.1.0").joinpath("pulumi").rename(tmp_path / "path" / "go")
    monkeypatch.setattr(engine, "fetch_release", lambda _: False)

    def cut_off(*_: object) -> None:
        raise EngineError("cut off")

    monkeypatch.setattr(engine, "_go_build", cut_off)
    with pytest.raises(EngineError, match="cut off"):
        ensure_engine()
    assert "Two idle cores took seven minutes" in said()
    assert f"this computer has {os.cpu_count()}" in said()
    assert not bare.exists(), "a build that was cut off leaves no half engine"
