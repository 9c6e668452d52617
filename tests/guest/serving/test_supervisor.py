"""The demo with real processes: upstream's page is played by the rehearsal."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bench.faulty_server import FaultyServer, Source
from guest import deploy
from guest.doctor import examine
from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.machine import Machine
from guest.process import Identity
from guest.serving import state
from guest.serving.choice import base_settings, serving_file
from guest.serving.control import Demo
from guest.serving.health import Health
from guest.serving.login import probe_token
from guest.serving.model_check import suspect
from guest.serving.question import ask
from guest.serving.settings import read_settings
from guest.serving.supervisor import Supervisor, demo_log, other_is_alive
from guest.training import gpu_task
from tests.guest.conftest import REPOSITORY
from tests.waiting import wait_until


def answer(machine: Machine, question: str = "你好") -> str:
    return ask(read_settings(machine.root).local_url, probe_token(machine.root), question)


def state_of(machine: Machine) -> str:
    return str((state.read_demo(machine.root) or {"state": "none"})["state"])


def test_serve_starts_the_demo_and_stop_ends_it(installed: Machine) -> None:
    told = deploy.serve(installed, None, 20)["demo"]
    assert (told["state"], told["model"]) == ("answering", "base")
    assert "Serving: base model" in answer(installed)
    Demo(installed).stop()
    assert state_of(installed) == "stopped"
    assert not state.answers(read_settings(installed.root).local_url)


def test_serving_what_is_served_leaves_it_alone(installed: Machine) -> None:
    deploy.serve(installed, None, 20)
    before = read_json(installed.state / "demo.json")
    deploy.serve(installed, "base", 20)
    assert read_json(installed.state / "demo.json") == before


def test_a_stopped_demo_stays_stopped_over_a_restart_of_its_supervisor(installed: Machine) -> None:
    state.want(installed.root, state.STOPPED)
    supervisor = Supervisor(installed, read_settings(installed.root))
    supervisor.step()
    assert supervisor.child is None
    assert state_of(installed) == "stopped"


def test_a_demo_that_was_killed_is_told_as_failed(installed: Machine) -> None:
    deploy.serve(installed, None, 20)
    first = (read_json(installed.state / "demo.json") or {})["child"]["pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: state_of(installed) == "failed")


def test_a_failure_is_told_with_the_end_of_the_log_and_tried_again_later_and_later(
    installed: Machine, tmp_path: Path
) -> None:
    program = tmp_path / "web_demo.py"
    program.write_text("import sys\nprint('no GPU here')\nsys.exit(3)\n", encoding="utf-8")
    serving = {"program": str(program), "directory": str(tmp_path), "arguments": [], "choice": "base"}
    write_json(serving_file(installed), serving)
    supervisor = Supervisor(installed, read_settings(installed.root), tick=0.01, pauses=(0.01, 0.02))
    ended = threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(ended,))
    thread.start()
    try:
        wait_until(lambda: (state.read_demo(installed.root) or {}).get("failures", 0) >= 2)
        error = (read_json(installed.state / "demo.json") or {})["error"]
        with pytest.raises(GuestError, match="ended with 3"):
            deploy.serve(installed, None, 20)
    finally:
        ended.set()
        thread.join()
    assert "no GPU here" in error["logTail"]
    assert "no GPU here" in (installed.root / "logs" / "demo.log").read_text(encoding="utf-8")
    assert state_of(installed) == "stopped"


def test_the_log_is_rotated(installed: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guest.serving.supervisor.LOG_BYTES", 1000)
    supervisor = Supervisor(installed, read_settings(installed.root))
    for number in range(200):
        supervisor._log.info("line %d", number)
    files = sorted(path.name for path in (installed.root / "logs").glob("demo.log*"))
    assert files == ["demo.log", "demo.log.1", "demo.log.2", "demo.log.3", "demo.log.4"]
    assert all((installed.root / "logs" / name).stat().st_size <= 1000 for name in files)


def test_what_a_dead_supervisor_left_running_is_ended(installed: Machine) -> None:
    deploy.serve(installed, None, 20)
    told = read_json(installed.state / "demo.json") or {}
    os.kill(told["supervisor"]["pid"], signal.SIGKILL)
    wait_until(lambda: not (state.read_demo(installed.root) or {})["supervised"])
    assert state_of(installed) == "stopped"
    Demo(installed).stop()
    wait_until(lambda: not state.answers(read_settings(installed.root).local_url))


def test_a_machine_without_a_manifest_cannot_serve(installed: Machine) -> None:
    (installed.root / "manifest.json").unlink()
    with pytest.raises(GuestError, match="does not tell how to serve"):
        read_settings(installed.root)


class Quick(Supervisor):
    """Asks the page every few moments instead of every few minutes."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, read_settings(machine.root), tick=0.01, pauses=(0.01,))
        url, token = self.settings.local_url, lambda: probe_token(machine.root)
        self.health = Health(url, token, interval=0.05, short_interval=0.02, patience=2)


@contextmanager
def supervised(machine: Machine) -> Iterator[Quick]:
    supervisor, ended = Quick(machine), threading.Event()
    thread = threading.Thread(target=supervisor.run, args=(ended,))
    thread.start()
    try:
        yield supervisor
    finally:
        ended.set()
        thread.join()


def told(machine: Machine) -> dict[str, Any]:
    return read_json(machine.state / "demo.json") or {}


def test_it_answers_only_when_a_question_was_answered(installed: Machine) -> None:
    with supervised(installed):
        wait_until(lambda: state_of(installed) == "answering")
        assert "Serving: base model" in answer(installed)


def test_a_page_whose_every_answer_fails_is_restarted_and_the_reason_said(installed: Machine) -> None:
    with supervised(installed):
        wait_until(lambda: state_of(installed) == "answering")
        first = told(installed)["child"]["pid"]
        with pytest.raises(GuestError):
            answer(installed, "rehearsal: cuda error")
        wait_until(lambda: told(installed).get("error"))
        assert "The GPU reported an error" in told(installed)["error"]["message"]
        wait_until(lambda: state_of(installed) == "answering" and told(installed)["child"]["pid"] != first)
        assert "Serving: base model" in answer(installed)


def test_a_page_that_hangs_is_restarted(installed: Machine) -> None:
    with supervised(installed):
        wait_until(lambda: state_of(installed) == "answering")
        first = told(installed)["child"]["pid"]
        hanging = threading.Thread(target=swallow, args=(installed, "rehearsal: hang"), daemon=True)
        hanging.start()
        wait_until(lambda: told(installed)["child"] and told(installed)["child"]["pid"] != first)
        wait_until(lambda: state_of(installed) == "answering")


def swallow(machine: Machine, question: str) -> None:
    with suppress(GuestError):
        answer(machine, question)


def test_another_program_on_the_port_is_told_and_the_demo_comes_when_it_is_gone(installed: Machine) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            return

    address = ("127.0.0.1", read_settings(installed.root).port)
    server = ThreadingHTTPServer(address, Stranger)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with supervised(installed):
        wait_until(lambda: state_of(installed) == "failed")
        assert "Another program has the demo's port" in told(installed)["error"]["message"]
        server.shutdown()
        server.server_close()
        wait_until(lambda: state_of(installed) == "answering")


def test_a_deployed_run_that_is_gone_is_told(installed: Machine) -> None:
    arguments = installed.state / "serving-first-30.json"
    write_json(arguments, {"ptuning_checkpoint": str(installed.runs / "first" / "output" / "checkpoint-30")})
    program = str(installed.ptuning / "web_demo.py")
    write_json(serving_file(installed), {"program": program, "directory": str(installed.ptuning),
                                         "arguments": [str(arguments)], "choice": "first/checkpoint-30"})  # fmt: skip
    supervisor = Supervisor(installed, read_settings(installed.root))
    supervisor.step()
    message = told(installed)["error"]["message"]
    assert message.startswith("The demo is to serve first/checkpoint-30, but ")
    assert "is missing. Deploy another run, or base." in message


def test_what_a_newer_version_deployed_is_not_served_by_half(installed: Machine) -> None:
    write_json(serving_file(installed), {"schema": 2, "choice": "first/checkpoint-30", "adapters": []})
    supervisor = Supervisor(installed, read_settings(installed.root))
    supervisor.step()
    assert "written by another version of this project (form 2)" in told(installed)["error"]["message"]


def test_a_failure_with_a_known_reason_is_told_at_once_and_not_after_the_wait(
    installed: Machine, tmp_path: Path
) -> None:
    program = tmp_path / "web_demo.py"
    program.write_text("raise RuntimeError('CUDA out of memory. Tried to allocate 1 GiB')\n", encoding="utf-8")
    serving = {"program": str(program), "directory": str(tmp_path), "arguments": [], "choice": "base"}
    write_json(serving_file(installed), serving)
    with pytest.raises(GuestError, match="CUDA out of memory: the GPU cannot hold") as caught:
        deploy.serve(installed, None, 600)
    assert "Use quantization_bit 4" in caught.value.message
    assert told(installed)["failures"] == 1


# Loads the model's file as torch does: what is not a pickle fails, and its page answers otherwise.
LOADING = """
import os, pathlib, pickle, runpy
pickle.loads((pathlib.Path(os.environ["CHATGLM_MODEL"]) / "pytorch_model.bin").read_bytes())
runpy.run_path(os.environ["REHEARSED_PAGE"], run_name="__main__")
"""


@pytest.fixture
def model_file(installed: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Source]]:
    """A machine with one model file, the source that it came from, and a page that loads it."""
    whole = pickle.dumps(list(range(500)))
    source = Source()
    server = FaultyServer({"pytorch_model.bin": whole}, {"one": source})
    with server.running():
        manifest = read_json(installed.root / "manifest.json") or {}
        path = installed.model / "pytorch_model.bin"
        row = {"id": path.name, "step": "model", "path": str(path), "urls": [server.url("one", path.name)]}
        manifest["files"] = [row | {"sha256": hashlib.sha256(whole).hexdigest(), "bytes": len(whole)}]
        write_json(installed.root / "manifest.json", manifest | {"steps": [{"name": "model", "key": "k1"}]})
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(whole)
        program = tmp_path / "web_demo.py"
        program.write_text(LOADING, encoding="utf-8")
        base = base_settings(installed)
        monkeypatch.setenv("REHEARSED_PAGE", base["program"])
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY), str(Path(base["program"]).parent)]))
        write_json(serving_file(installed), {**base, "program": str(program)})
        yield path, source


def damage(path: Path) -> None:
    """Other bytes, of the same number, in a file that is done."""
    path.write_bytes(b"\xff" * path.stat().st_size)


def test_after_a_failure_to_load_the_models_files_are_compared_with_their_hashes_and_fetched_anew(
    installed: Machine, model_file: tuple[Path, Source]
) -> None:
    path, _ = model_file
    whole = path.read_bytes()
    damage(path)
    with supervised(installed):
        wait_until(lambda: state_of(installed) == "answering")
    assert path.read_bytes() == whole
    log = (installed.root / "logs" / "demo.log").read_text(encoding="utf-8")
    assert "A model file or checkpoint is not what it should be" in log
    assert "has other bytes than it came with" in (installed.root / "logs" / "recheck.log").read_text(encoding="utf-8")
    assert not (installed.state / "model-suspect.json").exists()


def test_a_wrong_file_that_nobody_gives_is_told_and_asked_for_again(
    installed: Machine, model_file: tuple[Path, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, source = model_file
    source.wrong = {path.name}
    damage(path)
    with supervised(installed):
        wait_until(lambda: "could not be fetched anew" in str(told(installed).get("error")))
        assert "every source gives wrong bytes" in told(installed)["error"]["message"]
        source.wrong = set()
        wait_until(lambda: state_of(installed) == "answering")


def test_files_that_are_right_by_their_hashes_are_not_compared_again(
    installed: Machine, model_file: tuple[Path, Source]
) -> None:
    path, _ = model_file
    program = Path((read_json(serving_file(installed)) or {})["program"])
    program.write_text("raise RuntimeError('invalid load key, v.')\n", encoding="utf-8")
    before = path.stat().st_mtime_ns
    with supervised(installed):
        wait_until(lambda: "By their hashes the model's files are right" in str(told(installed).get("error")))
    assert path.stat().st_mtime_ns == before
    assert suspect(installed, "another failure") is False
    damage(path)
    assert suspect(installed, "another failure") is True


def change_settings(machine: Machine, **changes: object) -> None:
    manifest = read_json(machine.root / "manifest.json") or {}
    manifest["settings"] |= changes
    write_json(machine.root / "manifest.json", manifest)


def test_a_demo_that_runs_with_the_settings_of_before_is_started_with_those_of_today(installed: Machine) -> None:
    deploy.serve(installed, None, 20)
    before = read_settings(installed.root)
    change_settings(installed, demoPort=before.port + 1)
    told = deploy.serve(installed, None, 20)["demo"]
    assert told["url"] == read_settings(installed.root).local_url != before.local_url
    assert not state.answers(before.local_url)


def test_another_served_model_alone_does_not_touch_what_was_deployed(installed: Machine) -> None:
    deploy.serve(installed, None, 20)
    before = read_json(installed.state / "demo.json")
    change_settings(installed, servedModel="other/checkpoint-1")
    deploy.serve(installed, None, 20)
    assert read_json(installed.state / "demo.json") == before


def test_a_damaged_manifest_leaves_a_running_supervisor_with_the_settings_of_before(installed: Machine) -> None:
    supervisor = Supervisor(installed, read_settings(installed.root))
    before = supervisor.settings
    (installed.root / "manifest.json").write_bytes(b"\0" * 300)
    supervisor._take_settings()
    assert supervisor.settings == before


def test_a_damaged_choice_is_named_and_never_taken_for_the_base_model(installed: Machine) -> None:
    serving_file(installed).write_bytes(b"\0" * 200)
    supervisor = Supervisor(installed, read_settings(installed.root))
    supervisor.step()
    told = read_json(installed.state / "demo.json") or {}
    assert told["state"] == "failed"
    assert "serving.json is damaged" in told["error"]["message"]


def test_while_a_training_has_the_gpu_the_demo_waits_for_it(
    installed: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = gpu_task.GpuTask("train", "adverts", "token", Identity.of(os.getpid()))
    monkeypatch.setattr(gpu_task, "current", lambda _: task)
    told = deploy.serve(installed, None, 20)
    assert told == {"demo": None, "waitsFor": "run adverts, which has the GPU"}
    findings = {finding.name: finding.ok for finding in examine(installed, question=True)}
    assert (findings["demo"], findings["question"]) == (None, None)


@pytest.mark.parametrize("damaged", [b"", b"\0" * 300, b"{}", b'{"supervisor": {}}', b'{"supervisor": {"pid": "x"}}'])
def test_a_damaged_state_of_the_demo_does_not_keep_its_supervisor_from_starting(
    installed: Machine, damaged: bytes
) -> None:
    (installed.state / "demo.json").write_bytes(damaged)
    assert not other_is_alive(installed.root)
    (installed.state / "demo.json").unlink()


def test_a_log_that_somebody_keeps_open_does_not_end_the_demo(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "demo.log"
    path.mkdir(parents=True)  # cannot be opened, as a file that a program at the remote desktop keeps for itself
    log = demo_log(path)
    log.info("a line that is lost")
    path.rmdir()
    log.info("a line of later")
    assert path.read_text(encoding="utf-8").endswith(" a line of later\n")
