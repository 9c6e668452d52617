"""Which source is asked first, and who waits for what another file's trial shows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from guest.download.downloader import Downloader
from guest.download.limits import Limits
from guest.download.origins import Origins
from guest.download.task import Task
from tests.waiting import HANG_SECONDS

URL = "https://one.test/a"


def test_sources_that_proved_wrong_come_last_and_the_others_keep_their_order() -> None:
    origins = Origins()
    origins.demote("https://two.test/other")
    urls = ["https://two.test/a", "https://three.test/a", URL]
    assert origins.in_order(urls) == ["https://three.test/a", URL, "https://two.test/a"]


@pytest.mark.parametrize(
    ("end", "good"),
    [
        (lambda origins: origins.release("first"), True),
        (lambda origins: origins.prove(URL), True),
        (lambda origins: origins.demote(URL), False),
    ],
    ids=["given up", "proved", "proved wrong"],
)
def test_a_file_waits_for_what_the_trial_of_another_shows(end: Callable[[Origins], None], good: bool) -> None:
    origins, waits, found = Origins(), threading.Event(), list[bool]()
    origins.reserve(URL, "first")

    def second() -> None:
        with origins.trial(URL, "second", waits.set) as told:
            found.append(told)

    thread = threading.Thread(target=second, daemon=True)
    thread.start()
    assert waits.wait(HANG_SECONDS)
    assert found == []
    end(origins)
    thread.join(HANG_SECONDS)
    assert found == [good]


def test_the_first_large_file_of_a_source_is_its_trial_without_having_been_reserved() -> None:
    origins, waits = Origins(), threading.Event()

    def second() -> None:
        with origins.trial(URL, "second", waits.set):
            pass

    thread = threading.Thread(target=second, daemon=True)
    with origins.trial(URL, "first", lambda: pytest.fail("it waits for nobody")):
        thread.start()
        assert waits.wait(HANG_SECONDS)
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()


def test_a_source_that_was_demoted_before_is_tried_all_the_same() -> None:
    origins = Origins()
    origins.demote(URL)
    with origins.trial(URL, "first", lambda: pytest.fail("it waits for nobody")) as told:
        assert told


@pytest.mark.parametrize(
    ("digest", "size", "bulky"), [("0" * 64, 100, True), ("0" * 64, 99, False), (None, 100, False)]
)
def test_only_large_files_with_a_hash_wait_for_each_other(
    tmp_path: Path, digest: str | None, size: int, bulky: bool
) -> None:
    task = Task("a.bin", "model", tmp_path / "a.bin", [URL], digest, size, size)
    assert Downloader([task], Limits(bulk=100))._is_bulky(task) is bulky


def test_the_smallest_large_file_tries_the_source_that_it_asks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserved: list[tuple[str, str]] = []
    monkeypatch.setattr(Origins, "reserve", lambda _, url, file: reserved.append((url, file)))
    monkeypatch.setattr(Downloader, "fetch", lambda *_: None)
    tasks = [
        Task(name, "model", tmp_path / name, [f"https://one.test/{name}"], "0" * 64, size, size)
        for name, size in (("large", 300), ("small", 10), ("less", 200))
    ]
    Downloader(tasks, Limits(bulk=100)).run()
    assert reserved == [("https://one.test/less", "less"), ("https://one.test/large", "large")]
