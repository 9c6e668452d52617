"""The reclaim notice: seen within seconds, and used for an orderly end."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from guest import watch
from guest.errors import GuestError
from guest.files import read_json
from guest.machine import Machine

NOW = datetime.datetime(2026, 11, 24, 4, 0, 0, tzinfo=datetime.timezone.utc)
END = NOW + datetime.timedelta(seconds=120)


class Metadata:
    """Plays the machine's metadata: 404 until the notice."""

    def __init__(self) -> None:
        self.notice: str | None = None
        self.asked = 0
        self.url = ""


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    told = Metadata()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked += 1
            if self.path != "/meta-data/spot/termination-time" or told.notice is None:
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(told.notice.encode())

        def log_message(self, *_: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        told.url = f"http://127.0.0.1:{server.server_port}/meta-data"
        yield told
        server.shutdown()


def test_no_notice_no_time(metadata: Metadata) -> None:
    assert watch.read_notice(metadata.url) is None
    assert watch.read_notice("http://127.0.0.1:9/meta-data") is None


def test_the_time_of_a_notice_is_chinas(metadata: Metadata) -> None:
    metadata.notice = "2026-11-24 12:02:00"
    assert watch.read_notice(metadata.url) == END


@pytest.mark.parametrize("nonsense", ["", "<html>", "2026-13-45 99:00:00"])
def test_what_is_no_time_is_no_notice(metadata: Metadata, nonsense: str) -> None:
    metadata.notice = nonsense
    assert watch.read_notice(metadata.url) is None


def test_the_training_is_stopped_with_the_time_that_is_left(
    installed: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def stop(options: dict[str, Any]) -> dict[str, Any]:
        asked.append(dict(options))
        return {"stopped": "my-run", "newestCheckpoint": 1200}

    monkeypatch.setattr(watch.verbs, "stop_training", stop)
    told = watch.prepare_end(installed.root, END, NOW)
    assert asked == [{"patienceSeconds": 105.0, "machineEnds": True}]
    assert told["message"] == "The training my-run was stopped; newest checkpoint: 1200."
    assert read_json(installed.state / "reclaim.json") == told
    assert told["ends"] == "2026-11-24T04:02:00+00:00"


@pytest.mark.parametrize("hours", [-8, 8, -100_000])
def test_a_clock_that_is_hours_off_neither_kills_the_training_nor_waits_hours(hours: int) -> None:
    assert watch.seconds_left(END, NOW + datetime.timedelta(hours=hours)) == 115.0


def test_a_notice_that_is_seen_late_leaves_what_it_says() -> None:
    assert watch.seconds_left(END, END - datetime.timedelta(seconds=30)) == 30.0


def test_without_a_training_the_notice_is_written_down(installed: Machine) -> None:
    assert "No training runs" in watch.prepare_end(installed.root, END, NOW)["message"]


def test_a_training_that_does_not_stop_is_told(installed: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_: dict[str, Any]) -> dict[str, Any]:
        raise GuestError("Run x did not stop.", "Try again.")

    monkeypatch.setattr(watch.verbs, "stop_training", stop)
    assert "did not stop in order" in watch.prepare_end(installed.root, END, NOW)["message"]


def test_it_polls_until_the_notice_and_forgets_that_of_the_image(installed: Machine, metadata: Metadata) -> None:
    (installed.state / "reclaim.json").write_text(json.dumps({"message": "the machine before"}), encoding="utf-8")
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        assert read_json(installed.state / "reclaim.json") is None
        if len(pauses) == 3:
            metadata.notice = "2026-11-24 12:02:00"

    told = watch.watch(installed.root, metadata=metadata.url, sleep=sleep)
    assert pauses == [watch.POLL_SECONDS] * 3
    assert told["ends"] == "2026-11-24T04:02:00+00:00"
