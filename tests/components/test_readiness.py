"""What `pulumi up` does while it waits: told by a scripted machine on a clock of its own, and once by a real one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from components.bootstrap.render import BootstrapInputs, render
from components.bootstrap.settings import BootstrapSettings
from components.certificates import CertificateFile
from components.readiness import (
    BootstrapFailedError,
    Patience,
    Ready,
    ReadyTimeoutError,
    describe,
    wait_ready,
)
from components.winrm_channel import (
    CertificateChangedError,
    ChannelError,
    UnreachableError,
    VerbFailedError,
    WrongPasswordError,
)
from localcloud.clock import Clock
from localcloud.guest.runtime import LocalGuests
from localcloud.guests import GuestMachine

SILENT = UnreachableError("203.0.113.9:5986 does not answer (timed out).", "Is your address in operatorCidrs?")
REFUSED = WrongPasswordError("The machine refuses Administrator's password.")
READY = {"phase": "ready", "machine": "ins-1", "steps": []}


def at_work(**changes: Any) -> dict[str, Any]:
    return {"phase": "bootstrapping", "machine": "ins-1", "updated": "t1", "steps": [], **changes}


def failed(updated: str = "t1") -> dict[str, Any]:
    error = {"message": "the signature is NotSigned", "hint": "The next source is tried.", "logTail": "last words"}
    steps = [{"name": "driver", "title": "NVIDIA driver", "state": "failed", "error": error}]
    return at_work(phase="failed", updated=updated, steps=steps)


class ScriptedMachine:
    """Gives one answer a look; the last one for ever."""

    def __init__(self, *answers: dict[str, Any] | ChannelError, retry: ChannelError | None = None) -> None:
        self.answers, self.retry = list(answers), retry
        self.uploads: list[tuple[str, float]] = []
        self.verbs: list[str] = []
        self.now = 0.0
        self.closed = False

    def run_verb(self, verb: str, options: dict[str, Any] | None = None, *, seconds: float = 120) -> dict[str, Any]:
        self.verbs.append(verb)
        if verb == "retry":
            if self.retry:
                raise self.retry
            return {"started": True}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ChannelError):
            raise answer
        return answer

    def upload(self, content: bytes, name: str) -> str:
        self.uploads.append((name, self.now))
        return name

    def close(self) -> None:
        self.closed = True

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def page() -> Iterator[int]:
    """A page that asks for a log-in, on this computer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(401)

        def log_message(self, *_: Any) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def wait(tmp_path: Path, page: int) -> Callable[..., tuple[Ready, list[str]]]:
    def run(machine: ScriptedMachine, **changes: Any) -> tuple[Ready, list[str]]:
        said: list[str] = []
        values: dict[str, Any] = {
            "machine": "ins-1",
            "demo_port": page,
            "timeout_minutes": 30,
            "second_stage": b"zip",
            "certificates": CertificateFile(tmp_path / "known.json"),
            "progress": said.append,
            "channel": machine,
            "clock": lambda: machine.now,
            "sleep": machine.sleep,
            **changes,
        }
        try:
            return wait_ready("127.0.0.1", "secret", **values), said
        finally:
            assert machine.closed

    return run


Wait = Callable[..., tuple[Ready, list[str]]]


def test_ready_is_when_the_machine_says_so_and_the_page_answers(wait: Wait) -> None:
    ready, said = wait(ScriptedMachine(SILENT, at_work(), READY))
    assert ready.seconds == 10
    assert said[0] == "The machine starts."


def test_the_second_stage_is_sent_at_the_first_contact_and_once(wait: Wait) -> None:
    machine = ScriptedMachine(SILENT, at_work(), at_work(), at_work(), READY)
    wait(machine)
    assert machine.uploads == [("stage2.zip", 5.0)]


def test_a_broken_second_stage_is_sent_again(wait: Wait) -> None:
    broken = at_work(phase="waiting", waitsFor="second stage came broken and was thrown away")
    machine = ScriptedMachine(at_work(), broken, READY)
    wait(machine)
    assert len(machine.uploads) == 2


def test_a_lost_second_stage_is_sent_again_after_a_while(wait: Wait) -> None:
    waiting = at_work(phase="waiting", waitsFor="second stage has not come yet")
    machine = ScriptedMachine(*[waiting] * 16, READY)
    wait(machine)
    assert [at for _, at in machine.uploads] == [0, 65]


def test_a_machine_of_another_version_of_the_project_is_told_and_not_sent_what_it_refuses(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(phase="waiting", waitsFor=f"second stage {'0' * 64} has not come yet"))
    with pytest.raises(BootstrapFailedError, match="does not make") as told:
        wait(machine)
    assert machine.uploads == []
    assert "the version that launched the machine" in told.value.hint


def test_a_machine_that_fetches_it_itself_is_sent_nothing(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(), READY)
    wait(machine, second_stage=None)
    assert machine.uploads == []


def test_the_status_of_an_image_is_not_believed(wait: Wait) -> None:
    stale = {**READY, "machine": "ins-of-the-image"}
    machine = ScriptedMachine(stale, stale, at_work(), READY)
    ready, said = wait(machine)
    assert ready.seconds == 15
    assert "The machine starts from its image." in said


def test_a_failed_step_ends_the_waiting_with_reason_and_hint(wait: Wait) -> None:
    with pytest.raises(BootstrapFailedError) as told:
        wait(ScriptedMachine(at_work(), failed()))
    assert told.value.step == "NVIDIA driver"
    assert told.value.error == "the signature is NotSigned"
    assert "The next source is tried." in told.value.hint
    assert told.value.log_tail == "last words"


def test_an_old_failure_is_tried_once_more(wait: Wait) -> None:
    machine = ScriptedMachine(failed(), failed(), at_work(updated="t2"), READY)
    wait(machine)
    assert machine.verbs.count("retry") == 1


def test_what_fails_again_fails(wait: Wait) -> None:
    with pytest.raises(BootstrapFailedError):
        wait(ScriptedMachine(failed(), failed(), failed("t2")))


def test_a_retry_that_never_starts_fails(wait: Wait) -> None:
    machine = ScriptedMachine(failed())
    with pytest.raises(BootstrapFailedError):
        wait(machine)
    assert 120 <= machine.now < 180


def test_a_machine_that_cannot_retry_has_failed(wait: Wait) -> None:
    with pytest.raises(BootstrapFailedError):
        wait(ScriptedMachine(failed(), retry=VerbFailedError("no such verb")))


def test_a_password_that_windows_has_not_taken_over_yet_is_borne_with_few_tries(wait: Wait) -> None:
    wait(ScriptedMachine(REFUSED, REFUSED, READY))
    machine = ScriptedMachine(REFUSED)
    with pytest.raises(WrongPasswordError):
        wait(machine)
    assert len(machine.verbs) <= 4, "Windows locks the account after ten"


def test_a_changed_certificate_ends_the_waiting_at_once(wait: Wait) -> None:
    machine = ScriptedMachine(CertificateChangedError("another certificate"))
    with pytest.raises(CertificateChangedError):
        wait(machine)
    assert machine.now == 0


def test_a_machine_that_never_answers_is_unreachable_with_the_reason(wait: Wait) -> None:
    with pytest.raises(UnreachableError, match=r"Nothing answered for 30 minutes: 203.*timed out.*operatorCidrs"):
        wait(ScriptedMachine(SILENT))


def test_a_slow_machine_times_out_with_where_it_was(wait: Wait) -> None:
    step = {"name": "model", "title": "ChatGLM-6B model", "state": "running", "percent": 40, "totalBytes": 13.4e9}
    with pytest.raises(ReadyTimeoutError, match=r"after 30 minutes: .*ChatGLM-6B model: 40 % of 13.4 GB"):
        wait(ScriptedMachine(at_work(steps=[step])))


def test_a_page_that_is_closed_to_the_operator_is_told(wait: Wait) -> None:
    with pytest.raises(ReadyTimeoutError, match="does not answer from here") as told:
        wait(ScriptedMachine(READY), demo_port=9)
    assert "operatorCidrs" in told.value.hint


def test_a_restart_in_between_is_borne(wait: Wait) -> None:
    _, said = wait(ScriptedMachine(at_work(), SILENT, SILENT, at_work(), READY))
    assert "The machine does not answer just now." in said


def test_progress_names_step_percent_rate_and_time() -> None:
    steps = [
        {"title": "Windows settings", "state": "done"},
        {
            "title": "NVIDIA driver",
            "state": "running",
            "percent": 50,
            "totalBytes": 700_000_000,
            "rateBytesPerSecond": 11_200_000,
            "secondsLeft": 31,
            "attempt": 2,
        },
        {"title": "PyTorch", "state": "pending"},
    ]
    assert describe(at_work(steps=steps)) == (
        "1 of 3 steps done; NVIDIA driver: 50 % of 0.7 GB, 11.2 MB/s, 1 min left, try 2"
    )


def test_nothing_is_said_twice_in_a_row(wait: Wait) -> None:
    _, said = wait(ScriptedMachine(SILENT, SILENT, SILENT, READY))
    assert said.count("The machine starts.") == 1


def test_the_whole_way_with_a_machine_of_the_local_cloud(tmp_path: Path) -> None:
    address = "127.63.5.9"
    rendered = render(
        BootstrapInputs(BootstrapSettings(), 17860, "chatglm", "demo-passw0rd", ("127.0.0.1/32",), "org/chatglm/test")
    )
    guests = LocalGuests(tmp_path)
    disk = tmp_path / "disk"
    disk.mkdir()
    guests.launch(
        GuestMachine(
            "ins-9", address, disk, "chatglm", "Administrator", "Adm1n-pass", rendered.user_data.encode(),
            Clock(speed=float("inf")), "http://127.0.0.1:9/metadata/ins-9",
        )
    )  # fmt: skip
    said: list[str] = []
    try:
        ready = wait_ready(
            address, "Adm1n-pass", machine="ins-9", demo_port=17860, timeout_minutes=1,
            second_stage=rendered.second_stage,
            certificates=CertificateFile(tmp_path / "known.json"), progress=said.append, patience=Patience(poll=0.05),
        )  # fmt: skip
    finally:
        guests.close()
    assert ready.status["phase"] == "ready"
    assert "Sending the second stage." in said
    assert len(CertificateFile(tmp_path / "known.json").get("ins-9") or "") == 64
