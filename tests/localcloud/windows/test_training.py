"""The project's own Python on a machine: training, the demo beside it, the reclaim notice; all of it for real."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from components.bootstrap.render import Rendered
from localcloud.guest_runtime import GuestMachine
from localcloud.windows.runtime import LocalGuests
from tests.waiting import wait_until

from .conftest import chatglm, status_file, upload

MakeMachine = Callable[..., GuestMachine]
INBOX = "C:\\chatglm\\inbox"
DATA = "".join(
    json.dumps({"content": f"类型#裙{n}", "summary": "显瘦的裙子"}, ensure_ascii=False) + "\n" for n in range(40)
)


class Metadata(BaseHTTPRequestHandler):
    """The metadata service of a machine: 404 until `notice` is set."""

    notice: str | None = None

    def do_GET(self) -> None:
        asked = self.path == "/metadata/ins-test0001/latest/meta-data/spot/termination-time"
        found = self.notice is not None and asked
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write((self.notice or "").encode() if found else b"404 not found")

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def metadata() -> Iterator[tuple[str, type[Metadata]]]:
    handler = type("OneMetadata", (Metadata,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/metadata/ins-test0001", handler
        server.shutdown()


@pytest.fixture
def machine(
    guests: LocalGuests,
    make_machine: MakeMachine,
    rendered: Rendered,
    metadata: tuple[str, type[Metadata]],
    monkeypatch: pytest.MonkeyPatch,
) -> GuestMachine:
    monkeypatch.setenv("CHATGLM_REHEARSAL_STEP_SECONDS", "0.02")
    machine = make_machine(user_data=rendered.user_data.encode("ascii"), metadata_url=metadata[0])
    guests.launch(machine)
    wait_until(lambda: status_file(machine)["phase"] == "waiting")
    upload(machine, "stage2.zip", rendered.second_stage)
    wait_until(lambda: guests.is_ready(machine.instance_id))
    upload(machine, "data.json", DATA.encode())
    return machine


def demo_answers(machine: GuestMachine) -> bool:
    try:
        return httpx.get(f"http://{machine.address}:7860/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def train(machine: GuestMachine, steps: int) -> str:
    ask = {"dataset": f"{INBOX}\\data.json", "name": "run1", "options": {"max_steps": steps, "save_steps": 20}}
    answer = chatglm(machine, "train", ask)
    assert answer.exit_code == 0, answer.document
    return str(answer.document["run"])


def progress(machine: GuestMachine) -> dict[str, Any]:
    return chatglm(machine, "progress", {"run": "run1"}).document


def test_training_runs_on_without_a_connection_and_the_demo_comes_back(machine: GuestMachine) -> None:
    assert demo_answers(machine)
    train(machine, 60)
    assert not demo_answers(machine)
    assert chatglm(machine, "status").document["training"]["running"] == "run1"
    wait_until(lambda: progress(machine)["state"] == "finished")
    assert progress(machine)["newestCheckpoint"] == 60
    wait_until(lambda: demo_answers(machine))


def test_the_demo_is_switched_off_and_on(machine: GuestMachine) -> None:
    assert chatglm(machine, "stop").document["demo"]["state"] == "stopped"
    assert not demo_answers(machine)
    answer = chatglm(machine, "serve")
    assert answer.document["demo"]["state"] == "answering"
    assert demo_answers(machine)


@pytest.mark.slow
def test_a_power_cut_ends_a_training_and_after_the_restart_it_goes_on_by_itself(
    guests: LocalGuests, machine: GuestMachine
) -> None:
    train(machine, 5000)
    wait_until(lambda: progress(machine)["newestCheckpoint"] is not None)
    guests.stop(machine.instance_id)
    wait_until(lambda: not guests.is_running(machine.instance_id))
    guests.launch(machine)
    wait_until(lambda: guests.is_ready(machine.instance_id))
    wait_until(lambda: progress(machine)["running"] == "run1")
    before = progress(machine)["newestCheckpoint"]
    wait_until(lambda: progress(machine)["newestCheckpoint"] > before)
    newest = chatglm(machine, "stop-training").document["newestCheckpoint"]
    assert chatglm(machine, "train", {"resume": "run1", "options": {"max_steps": newest + 20}}).exit_code == 0
    wait_until(lambda: progress(machine)["state"] == "finished")
    assert progress(machine)["newestCheckpoint"] == newest + 20


@pytest.mark.slow
def test_a_reclaim_notice_ends_the_training_with_a_checkpoint(
    machine: GuestMachine, metadata: tuple[str, type[Metadata]]
) -> None:
    train(machine, 5000)
    metadata[1].notice = "2099-01-01 08:02:00"
    wait_until(lambda: "stopped" in (chatglm(machine, "status").document["reclaim"] or {}).get("message", ""))
    # Nobody asked it to stop: it goes on when the machine is back.
    assert progress(machine)["state"] == "interrupted"
    assert progress(machine)["newestCheckpoint"] is not None


def test_mistakes_in_a_data_set_come_back_as_one_document(machine: GuestMachine) -> None:
    upload(machine, "broken.json", b'{"content": ')
    answer = chatglm(machine, "train", {"dataset": f"{INBOX}\\broken.json"})
    assert answer.exit_code == 1
    assert set(answer.document["error"]) >= {"message", "hint"}
