"""The downloader against a real HTTP server that misbehaves."""

from __future__ import annotations

import errno
import hashlib
import json
import random
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.faulty_server import FaultyServer, Source
from guest.download import downloader, part, stream
from guest.download.downloader import Downloader
from guest.download.ledger import Ledger
from guest.download.limits import Limits
from guest.download.task import DONE, Task
from guest.phrases import with_phrases
from tests.waiting import HANG_SECONDS

# Pauses are short; what waits for an answer waits long, since this computer may be busy.
QUICK = Limits(timeout=10, pause=0.001, longest_pause=0.004, idle_rounds=3, disk_reserve=0, disk_patience=0.05)
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
    assert fetch(task(server, tmp_path, "one"), replace(QUICK, timeout=0.2, idle_rounds=9))
    assert server.requests[1][2] is not None, "the second request asks for the rest"


def test_a_dripping_source_is_left(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].stalls = [("a.bin", offset, 0.1) for offset in range(0, 700_000, 70_000)]
    wanted = task(server, tmp_path, "one", "two")
    assert fetch(wanted, replace(QUICK, slow_rate=3e6, slow_window=0.2, idle_rounds=9))
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
    # The operator's side words the innermost part.
    told = json.dumps(with_phrases({"error": wanted.error})["phrases"])
    assert '{"form": "HTTP {status}", "parts": {"status": 404}' in told.replace('"text": "HTTP 404", ', "")


def test_no_file_is_started_that_would_fill_the_disk(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=len(BODY) + 50)
    monkeypatch.setattr(downloader.shutil, "disk_usage", lambda _: usage)
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
    both = threading.Barrier(2, timeout=HANG_SECONDS)

    class Meeting(Downloader):
        def fetch(self, task: Task) -> None:
            both.wait()
            task.state = "done"

    tasks = [Task(name, "model", tmp_path / name, [], None, 1, 1) for name in "ab"]
    assert Meeting(tasks, QUICK).run()


# What a source may answer in place of the file. Each fails this source alone, after one block at most.
def page(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    reply(handler, b"<!DOCTYPE html>\n<html><body>log in first</body></html>".ljust(len(content)))


def lfs_pointer(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    reply(handler, b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 700000\n".ljust(len(content)))


def reply(handler: BaseHTTPRequestHandler, body: bytes, *headers: tuple[str, str]) -> None:
    handler.send_response(200)
    for name, value in headers or [("Content-Length", str(len(body)))]:
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def raw(text: bytes) -> Callable[[BaseHTTPRequestHandler, bytes], None]:
    return lambda handler, _: handler.wfile.write(text) and None


def endless_headers(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def endless_interim_answers(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    while True:
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def endless_redirect(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /one/a.bin\r\n\r\n")
    while True:
        handler.wfile.write(b"x" * 10_000)


def endless_body(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        handler.wfile.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


ODD: dict[str, Callable[[BaseHTTPRequestHandler, bytes], None]] = {
    "page": page,
    "pointer": lfs_pointer,
    "no answer": raw(b""),
    "no HTTP": raw(b"\x00\xff\x00garbage\r\n\r\n"),
    "no status": raw(b"HTTP/1.1 abc\r\n\r\n"),
    "length of letters": raw(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nx"),
    "length below zero": raw(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx"),
    "length of 5000 digits": raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx"),
    "range of nonsense": raw(b"HTTP/1.1 206 Partial\r\nContent-Range: bytes x-y/z\r\n\r\nx"),
    "range without an end": raw(b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/*\r\n\r\nx"),
    "chunk of letters": raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx"),
    "long header": raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n"),
    "many headers": raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n"),
    "no content": raw(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "redirect to itself": raw(b"HTTP/1.1 302 Found\r\nLocation: a.bin\r\n\r\n"),
    "redirect to nowhere": raw(b"HTTP/1.1 302 Found\r\n\r\n"),
    "redirect to a file": raw(b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\n\r\n"),
    "redirect to no address": raw(b"HTTP/1.1 308 Moved\r\nLocation: http://[::1\r\n\r\n"),
    "redirect to a port of letters": raw(b"HTTP/1.1 308 Moved\r\nLocation: http://a:b/\r\n\r\n"),
    "endless headers": endless_headers,
    "endless interim answers": endless_interim_answers,
    "endless redirect": endless_redirect,
}


@pytest.mark.parametrize("odd", ODD, ids=str)
@pytest.mark.parametrize("hashed", [True, False], ids=["hashed", "unhashed"])
def test_an_odd_answer_fails_one_source_and_not_the_downloader(
    server: FaultyServer, tmp_path: Path, odd: str, hashed: bool
) -> None:
    server.sources["one"].instead = ODD[odd]
    wanted = task(server, tmp_path, "one", "two", size=len(BODY) if hashed else None, hashed=hashed)
    assert fetch(wanted, replace(QUICK, slow_window=0.4, idle_rounds=9))
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_body_without_an_end_is_left_at_the_size_that_the_file_cannot_have(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Task, "ceiling", 1_000_000)
    server.sources["one"].instead = endless_body
    wanted = task(server, tmp_path, "one", "two", size=None)
    assert fetch(wanted)
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_page_is_known_after_one_block(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].instead = page
    wanted = task(server, tmp_path, "one")
    assert not fetch(wanted)
    assert "answers with a web page" in str(wanted.error)
    assert not (tmp_path / "a.bin.part").read_bytes()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_redirect_is_followed_with_the_range_kept(server: FaultyServer, tmp_path: Path, status: int) -> None:
    answer = f"HTTP/1.1 {status} Moved\r\nLocation: {server.url('two', 'a.bin')}\r\nContent-Length: 0\r\n\r\n"
    server.sources["one"].instead = raw(answer.encode())
    (tmp_path / "a.bin.part").write_bytes(BODY[:400_000])
    assert fetch(task(server, tmp_path, "one"))
    assert server.requests == [("one", "a.bin", "bytes=400000-"), ("two", "a.bin", "bytes=400000-")]
    assert server.sent["a.bin"] == len(BODY) - 400_000


def test_what_is_on_the_disk_is_what_is_hashed(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second writer turned up as soon as 100,000 bytes were there: the file is right in the end all the same."""
    other, done = tmp_path / "a.bin.part", threading.Event()
    write = part.Appender.write

    def disturbed(self: part.Appender, block: bytes) -> None:
        write(self, block)
        if other.stat().st_size > 100_000 and not done.is_set():
            done.set()
            with other.open("r+b") as file:
                file.write(b"another program's bytes")

    monkeypatch.setattr(part.Appender, "write", disturbed)
    assert fetch(task(server, tmp_path, "one", "two"))
    assert done.is_set()
    assert (tmp_path / "a.bin").read_bytes() == BODY


def test_a_second_writer_is_noticed_by_the_size_on_the_disk(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = part.Appender.write

    def disturbed(self: part.Appender, block: bytes) -> None:
        with (tmp_path / "a.bin.part").open("ab") as file:
            file.write(b"x")
        write(self, block)

    monkeypatch.setattr(part.Appender, "write", disturbed)
    wanted = task(server, tmp_path, "one")
    assert not fetch(wanted, replace(QUICK, idle_rounds=1))
    assert "another program writes to a.bin.part" in str(wanted.error)


def test_the_data_are_on_the_disk_before_the_name(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    flush, move = part.os.fsync, part.move
    monkeypatch.setattr(part.os, "fsync", lambda descriptor: (order.append("flush"), flush(descriptor)))
    monkeypatch.setattr(part, "move", lambda source, target: (order.append("name"), move(source, target)))
    assert fetch(task(server, tmp_path, "one"))
    assert order == ["flush", "name"]


def test_a_name_that_windows_refuses_for_a_moment_is_given_later(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, move = [1, 2], part.move

    def refusing(source: Path, target: Path) -> None:
        if refusals:
            refusals.pop()
            raise PermissionError(errno.EACCES, "a virus scanner looks at it")
        move(source, target)

    monkeypatch.setattr(part, "move", refusing)
    assert fetch(task(server, tmp_path, "one"), replace(QUICK, idle_rounds=4))
    assert server.sent["a.bin"] == len(BODY)


def test_a_part_that_another_program_holds_is_waited_for(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, made = [1, 2], part.Part

    def held(wanted: Task) -> part.Part:
        if refusals:
            refusals.pop()
            raise PermissionError(errno.EACCES, "curl.exe has it open")
        return made(wanted)

    monkeypatch.setattr(downloader, "Part", held)
    assert fetch(task(server, tmp_path, "one"))


def test_a_disk_that_fills_up_is_waited_for(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, write = [1], part.Appender.write

    def filling(self: part.Appender, block: bytes) -> None:
        if full:
            full.pop()
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, block)

    monkeypatch.setattr(part.Appender, "write", filling)
    assert fetch(task(server, tmp_path, "one"))


def test_minutes_without_names_or_network_are_no_tries(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    troubles: list[OSError] = [
        *[socket.gaierror(socket.EAI_AGAIN, "no names yet")] * 20,
        *[OSError(errno.ENETUNREACH, "no network yet")] * 20,
    ]
    through = stream.stream

    def offline(*arguments: Any) -> None:
        if troubles:
            raise troubles.pop()
        through(*arguments)

    monkeypatch.setattr(downloader, "stream", offline)
    assert fetch(task(server, tmp_path, "one"), replace(QUICK, idle_rounds=1))
    assert not troubles


def test_names_that_never_come_are_told(server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    monkeypatch.setattr(downloader, "stream", offline)
    wanted = task(server, tmp_path, "one")
    assert not fetch(wanted, replace(QUICK, offline_patience=0.05))
    assert "its name cannot be looked up (Temporary failure)" in str(wanted.error)
    assert wanted.hint


def test_a_bug_in_one_file_does_not_end_the_others(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["b.bin"] = BODY
    good, bad = task(server, tmp_path, "one"), replace(task(server, tmp_path, "one"), id="bad", path=tmp_path / "bad")
    through = stream.stream

    def buggy(url: str, into: part.Part, *rest: Any) -> None:
        if into.task.id == "bad":
            raise ZeroDivisionError("division by zero")
        through(url, into, *rest)

    monkeypatch.setattr(downloader, "stream", buggy)
    assert not Downloader([bad, good], QUICK).run()
    assert (good.state, bad.error) == (DONE, "bad: ZeroDivisionError: division by zero")


def shards(server: FaultyServer, folder: Path) -> list[Task]:
    """Three large files of rising size, with their smallest first, as the manifest has them."""
    tasks = []
    for number in (1, 2, 3):
        name, content = f"shard{number}", BODY[: 200_000 * number]
        server.files[name] = content
        urls = [server.url(source, name) for source in ("one", "two")]
        # Sources are told apart by their hosts.
        urls[1] = urls[1].replace("127.0.0.1", "localhost")
        digest = hashlib.sha256(content).hexdigest()
        tasks.append(Task(name, "model", folder / name, urls, digest, len(content), len(content)))
    return tasks


BULKY = replace(QUICK, bulk=100_000)


def test_one_wrong_hash_puts_a_source_last_for_all_files(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].wrong = {"shard1", "shard2", "shard3"}
    assert Downloader(shards(server, tmp_path), BULKY).run()
    assert [(source, name) for source, name, _ in server.requests if source == "one"] == [("one", "shard1")]


def test_the_other_large_files_wait_for_what_the_first_one_shows(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].stalls = [("shard1", 100_000, 0.2)]
    assert Downloader(shards(server, tmp_path), BULKY).run()
    assert server.requests[0][:2] == ("one", "shard1")
    assert {source for source, _, _ in server.requests} == {"one"}


def test_a_source_that_gives_nothing_is_tried_by_one_file_after_the_other(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].missing = True
    assert Downloader(shards(server, tmp_path), BULKY).run()


# A file whose hash the Hub alone knows


def named_by_the_hub(server: FaultyServer, folder: Path, *sources: str) -> Task:
    wanted = task(server, folder, *sources, size=None, hashed=False)
    wanted.by_hub = True
    return wanted


@pytest.mark.parametrize("kind", ["sha256", "git"])
def test_a_file_is_held_to_the_hash_that_the_hub_names(
    server: FaultyServer, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.sources["one"].names_hash = kind
    wanted = named_by_the_hub(server, tmp_path, "one")
    assert fetch(wanted)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert wanted.sha256 is not None
    assert f"names the hash {wanted.sha256}, to which it is held" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["sha256", "git"])
def test_bytes_that_are_not_those_named_are_thrown_away(server: FaultyServer, tmp_path: Path, kind: str) -> None:
    server.sources["one"] = Source(names_hash=kind, wrong={"a.bin"})
    wanted = named_by_the_hub(server, tmp_path, "one", "two")
    assert fetch(wanted)
    assert (tmp_path / "a.bin").read_bytes() == BODY
    assert wanted.source == server.url("two", "a.bin")


def test_a_file_whose_hash_nobody_names_is_not_fetched(server: FaultyServer, tmp_path: Path) -> None:
    wanted = named_by_the_hub(server, tmp_path, "one", "two")
    assert not fetch(wanted)
    assert "names no hash of the file" in str(wanted.error)
    assert "chatglm:modelSources" in wanted.hint
    assert list(tmp_path.iterdir()) == []


def test_a_hash_that_was_named_before_lets_a_cut_download_go_on(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"] = Source(names_hash="sha256", cuts=[("a.bin", 300_000)], ranges=True)
    ledger = Ledger(tmp_path)
    wanted = named_by_the_hub(server, tmp_path, "one")
    assert Downloader([wanted], QUICK, ledger).run()
    again = named_by_the_hub(server, tmp_path, "one")
    assert ledger.promised(again) == (hashlib.sha256(BODY).hexdigest(), len(BODY))
    again.urls = [server.url("two", "a.bin")]
    assert ledger.promised(again) is None, "another repository's word is not this one's"


def test_where_nobody_has_what_the_hub_named_it_is_asked_anew(server: FaultyServer, tmp_path: Path) -> None:
    server.sources["one"].names_hash = "another"
    ledger = Ledger(tmp_path)
    wanted = named_by_the_hub(server, tmp_path, "one")
    assert not Downloader([wanted], QUICK, ledger).run()
    assert wanted.error == "a.bin: every source gives wrong bytes"
    assert ledger.promised(named_by_the_hub(server, tmp_path, "one")) is None


def test_folders_above_a_file_are_made(server: FaultyServer, tmp_path: Path) -> None:
    assert fetch(task(server, tmp_path / "model" / "weights", "one"))
    assert (tmp_path / "model" / "weights" / "a.bin").read_bytes() == BODY


def test_room_on_the_disk_is_kept_for_what_a_running_download_still_needs_and_no_more(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a file of which three quarters are here there is room for one more; beside one that began, none."""
    limits = Limits(pause=0.001, disk_reserve=0, disk_patience=0.02)
    usage = shutil.disk_usage(tmp_path)._replace(free=len(BODY) + len(BODY) // 2)
    monkeypatch.setattr(downloader.shutil, "disk_usage", lambda _: usage)
    beside, wanted = task(server, tmp_path / "beside", "one"), task(server, tmp_path, "one")
    beside.state, beside.done = downloader.RUNNING, len(BODY) * 3 // 4
    assert Downloader([beside, wanted], limits)._await_disk(wanted) is None
    beside.done = 0
    with pytest.raises(downloader.DownloadError, match="room on the disk"):
        Downloader([beside, wanted], limits)._await_disk(wanted)
