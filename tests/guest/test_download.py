"""The downloader against a real HTTP server that misbehaves."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.faulty_server import FaultyServer, Source
from guest import download
from guest.download import Downloader, Limits, Task, plan

QUICK = Limits(timeout=0.3, pause=0.001, longest_pause=0.004, idle_rounds=3, disk_reserve=0, disk_patience=0.05)
BODY = random.Random(1).randbytes(700_000)


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    made = FaultyServer({"a.bin": BODY}, {"one": Source(), "two": Source()})
    with made.running():
        yield made


def task(server: FaultyServer, folder: Path, *sources: str, size: int | None = len(BODY), hashed: bool = True) -> Task:
    digest = hashlib.sha256(BODY).hexdigest() if hashed else None
    urls = [server.url(source, "a.bin") for source in sources]
    return Task("a.bin", "model", folder / "a.bin", urls, digest, size, len(BODY))


def fetch(wanted: Task, limits: Limits = QUICK) -> bool:
    return Downloader([wanted], limits).run()


def test_a_file_gets_its_name_once_it_is_whole_and_right(server: FaultyServer, tmp_path: Path) -> None:
    wanted = task(server, tmp_path, "one")
    assert fetch(wanted)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert not (tmp_path / "a.bin.part").exists()


def test_after_cuts_it_goes_on_where_it_was(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].cuts = [("a.bin", 100_000), ("a.bin", 100_001), ("a.bin", 650_000)]
    assert fetch(task(server, tmp_path, "one"))
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert server.sent["a.bin"] == len(BODY)


def test_it_goes_on_from_what_another_program_began(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(BODY[:400_000])
    assert fetch(task(server, tmp_path, "one"))
    assert server.sent["a.bin"] == len(BODY) - 400_000


def test_a_whole_part_is_only_checked(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(BODY)
    assert fetch(task(server, tmp_path, "one", size=None))
    assert server.requests == []


def test_a_stalled_source_is_left_and_taken_up_again(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].stalls = [("a.bin", 200_000, 2)]
    assert fetch(task(server, tmp_path, "one"))
    assert server.requests[1][2] is not None, "the second request asks for the rest"


def test_a_dripping_source_is_too_slow(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].stalls = [("a.bin", offset, 0.02) for offset in range(0, 700_000, 70_000)]
    limits = Limits(timeout=0.3, pause=0.001, slow_rate=1e9, slow_window=0.01, idle_rounds=1, disk_reserve=0)
    wanted = task(server, tmp_path, "one", "two")
    assert fetch(wanted, limits)
    assert {source for source, _, _ in server.requests} == {"one", "two"}


def test_wrong_bytes_are_thrown_away_and_the_source_is_not_asked_again(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].wrong = {"a.bin"}
    assert fetch(task(server, tmp_path, "one", "two"))
    assert [source for source, _, _ in server.requests] == ["one", "two"]
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_wrong_bytes_everywhere_end_with_the_reason(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].wrong = {"a.bin"}
    wanted = task(server, tmp_path, "one")
    assert not fetch(wanted)
    assert wanted.error == "a.bin: every source gives wrong bytes"
    assert not (tmp_path / "a.bin").exists()


def test_of_a_wrong_mixture_no_source_is_blamed_unheard(server: FaultyServer, tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"x" * 1000)
    assert fetch(task(server, tmp_path, "one"))
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_source_that_ignores_ranges_is_passed_over(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"] = Source(ranges=False, cuts=[("a.bin", 300_000)])
    assert fetch(task(server, tmp_path, "one", "two"))
    assert server.requests[-1] == ("two", "a.bin", "bytes=300000-")


def test_when_no_source_continues_it_starts_anew(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"] = Source(ranges=False, cuts=[("a.bin", 300_000)])
    assert fetch(task(server, tmp_path, "one"))
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_file_of_another_size_is_refused_before_it_is_read(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].told_size = len(BODY) + 1
    wanted = task(server, tmp_path, "one")
    assert not fetch(wanted)
    assert f"a file of {len(BODY) + 1} bytes instead of {len(BODY)}" in str(wanted.error)


def test_an_error_page_is_no_driver(server: FaultyServer, tmp_path: Path) -> None:
    server.files["a.bin"] = b"<html>not here</html>"
    wanted = task(server, tmp_path, "one", size=None, hashed=False)
    assert not fetch(wanted)


def test_without_a_hash_two_sources_are_never_mixed(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"] = Source(cuts=[("a.bin", 300_000)] * 1, ranges=False)
    server.sources["two"] = Source()
    (tmp_path / "a.bin.part").write_bytes(b"another version")
    assert fetch(task(server, tmp_path, "one", "two", size=None, hashed=False))
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_missing_file_is_told_after_some_rounds(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].missing = True
    wanted = task(server, tmp_path, "one")
    assert not fetch(wanted)
    assert "HTTP 404" in str(wanted.error)
    assert len(server.requests) == QUICK.idle_rounds


def test_no_file_is_started_that_would_fill_the_disk(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=len(BODY) + 50)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    wanted = task(server, tmp_path, "one")
    limits = Limits(pause=0.001, disk_reserve=100, disk_patience=0.02)
    assert not fetch(wanted, limits)
    assert "room on the disk" in str(wanted.error)
    assert server.requests == []


@given(
    cuts=st.lists(st.integers(0, len(BODY) - 1), max_size=8),
    have=st.integers(0, len(BODY)),
    ranges=st.booleans(),
    wrong=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_first_source_does_the_file_is_right_in_the_end(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], have: int, ranges: bool, wrong: bool
) -> None:
    folder = tmp_path_factory.mktemp("any")
    first = Source(cuts=[("a.bin", cut) for cut in cuts], ranges=ranges, wrong={"a.bin"} if wrong else set())
    (folder / "a.bin.part").write_bytes(BODY[:have])
    with FaultyServer({"a.bin": BODY}, {"one": first, "two": Source()}).running() as server:
        assert fetch(task(server, folder, "one", "two"))
    assert (folder / "a.bin").read_bytes() == BODY


def test_several_files_come_at_a_time(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=5)

    class Meeting(Downloader):
        def fetch(self, task: Task) -> None:
            both.wait()
            task.state = "done"

    tasks = [Task(name, "model", tmp_path / name, [], None, 1, 1) for name in "ab"]
    assert Meeting(tasks, QUICK).run()


def manifest(folder: Path, **changes: Any) -> None:
    file = {
        "id": "a.bin",
        "step": "model",
        "path": str(folder / "{file}"),
        "urls": ["https://x.test/{file}", "https://y.test/{file}"],
        "sha256": "00",
        "bytes": 3,
        **changes,
    }
    made = {"steps": [{"name": "model", "key": "k1"}], "files": [file]}
    (folder / "state" / "done").mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(made), encoding="utf-8")


def test_files_of_finished_steps_are_not_wanted(tmp_path: Path) -> None:
    manifest(tmp_path)
    assert [t.urls[0] for t in plan(tmp_path)] == ["https://x.test/a.bin"]
    (tmp_path / "state" / "done" / "model").write_text("k1", encoding="ascii")
    assert plan(tmp_path) == []


def test_a_checked_file_is_not_fetched_again_but_one_of_other_settings_is_checked(tmp_path: Path) -> None:
    manifest(tmp_path)
    (tmp_path / "a.bin").write_bytes(b"abc")
    assert [t.state for t in plan(tmp_path)] == ["done"]
    (tmp_path / "state" / "done" / "model").write_text("older key", encoding="ascii")
    assert [t.state for t in plan(tmp_path)] == ["waiting"]
    assert (tmp_path / "a.bin.part").read_bytes() == b"abc"


def test_only_files_without_a_hash_pass_over_sources(tmp_path: Path) -> None:
    manifest(tmp_path)
    assert plan(tmp_path, skip=1)[0].urls[0] == "https://x.test/a.bin"
    manifest(tmp_path, sha256=None)
    assert plan(tmp_path, skip=1)[0].urls == ["https://y.test/a.bin", "https://x.test/a.bin"]


def test_progress_is_written_for_readers(server: FaultyServer, tmp_path: Path) -> None:
    wanted = task(server, tmp_path, "one")
    report = tmp_path / "downloads.json"
    with download.Report(report, [wanted]):
        fetch(wanted)
    (row,) = json.loads(report.read_text(encoding="utf-8"))["files"]
    assert (row["step"], row["state"], row["bytes"], row["error"]) == ("model", "done", len(BODY), None)
