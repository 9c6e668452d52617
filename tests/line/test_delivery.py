"""What a machine is given from here while its readiness is waited for."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from line.channel import (
    VerbFailedError,
)
from line.delivery import Supplies
from line.demo_certificate import make
from line.outcome import BootstrapFailedError, ReadyTimeoutError
from tests.line.scripted import READY, SILENT, AsksForLogin, ScriptedMachine, Wait, at_work


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
    wait(machine, supplies=Supplies(None))
    assert machine.uploads == []


# --- changed settings ------------------------------------------------------------------------------------------------

MANIFEST = b'{"settings": {}}'


OURS = hashlib.sha256(MANIFEST).hexdigest()


SUPPLIES = Supplies(b"zip", MANIFEST)


def test_a_living_machine_gets_changed_settings_and_is_waited_for(wait: Wait) -> None:
    before = {**READY, "manifest": "0" * 64}
    machine = ScriptedMachine(before, at_work(manifest=OURS), {**READY, "manifest": OURS})
    ready, said = wait(machine, supplies=SUPPLIES)
    assert machine.uploads[0] == ("manifest.json", 0.0)
    assert ("configure", {"sha256": OURS}) in machine.asked
    assert said[:2] == ["The settings have changed: handing them over.", "The machine takes over: demoPort."]
    assert ready.seconds == 10, "a machine that was ready before is not taken for ready with them"


def test_a_machine_with_these_settings_is_left_alone(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(manifest=OURS), {**READY, "manifest": OURS})
    wait(machine, supplies=SUPPLIES)
    assert "configure" not in machine.verbs


def test_a_machine_in_the_midst_of_its_installation_gets_changed_settings_too(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(manifest="0" * 64), at_work(manifest=OURS), {**READY, "manifest": OURS})
    wait(machine, supplies=SUPPLIES)
    assert machine.uploads[0] == ("manifest.json", 0.0)


def test_a_machine_that_was_launched_a_moment_ago_or_is_older_and_at_work_is_taught_nothing(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(), READY)
    wait(machine, supplies=SUPPLIES)
    assert "configure" not in machine.verbs


def test_settings_that_a_training_forbids_now_are_told_and_do_not_fail_the_update(wait: Wait) -> None:
    training = VerbFailedError("A training runs.", "Run pulumi up again when it has ended.")
    machine = ScriptedMachine(at_work(manifest="0" * 64), {**READY, "manifest": "0" * 64}, configure=training)
    ready, _ = wait(machine, supplies=SUPPLIES)
    assert machine.verbs.count("configure") == 1
    assert ready.notes == (
        "The machine keeps the settings that it has: A training runs. Run pulumi up again when it has ended.",
    )


def test_a_machine_of_an_older_version_is_taught_first(wait: Wait) -> None:
    machine = ScriptedMachine(READY, {**READY, "manifest": OURS})
    wait(machine, supplies=SUPPLIES)
    assert [name for name, _ in machine.uploads] == ["stage2.zip", "manifest.json"]
    assert "tar.exe -xf 'stage2.zip'" in machine.scripts[0]


def test_a_second_stage_that_is_there_is_not_sent_again(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(secondStage=hashlib.sha256(b"zip").hexdigest()), READY)
    wait(machine)
    assert machine.uploads == []


def test_the_models_small_files_come_before_the_second_stage_and_once(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(), at_work(), READY)
    wait(machine, supplies=Supplies(b"zip", model_files=lambda: b"files"))
    assert [name for name, _ in machine.uploads] == ["model-files.zip", "stage2.zip"]


def test_where_they_cannot_be_had_the_machine_fetches_them(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(), READY)
    wait(machine, supplies=Supplies(b"zip", model_files=lambda: None))
    assert [name for name, _ in machine.uploads] == ["stage2.zip"]


def test_a_machine_that_does_not_take_them_is_told_and_goes_on(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(), READY)
    upload = machine.upload

    def refuse(content: bytes, name: str) -> str:
        if name == "model-files.zip":
            raise VerbFailedError("no room")
        return upload(content, name)

    machine.upload = refuse  # type: ignore[method-assign]
    _, said = wait(machine, supplies=Supplies(b"zip", model_files=lambda: b"files"))
    assert "The machine does not take the model's small files: no room" in said
    assert [name for name, _ in machine.uploads] == ["stage2.zip"]


def test_a_machine_that_has_the_model_is_sent_none(wait: Wait) -> None:
    model = {"name": "model", "title": "ChatGLM-6B model", "state": "done"}
    machine = ScriptedMachine(at_work(steps=[model]), READY)
    _, said = wait(machine, supplies=Supplies(b"zip", model_files=lambda: b"files"))
    assert [name for name, _ in machine.uploads] == ["stage2.zip"]
    assert said[0] == "1 of 1 steps done"


def test_one_that_has_other_things_or_the_model_under_way_is_sent_them(wait: Wait) -> None:
    steps = [
        {"name": "driver", "title": "NVIDIA driver", "state": "done"},
        {"name": "model", "title": "ChatGLM-6B model", "state": "running"},
    ]
    machine = ScriptedMachine(at_work(steps=steps), READY)
    wait(machine, supplies=Supplies(b"zip", model_files=lambda: b"files"))
    assert [name for name, _ in machine.uploads] == ["model-files.zip", "stage2.zip"]


def receivers(machine: ScriptedMachine) -> list[dict[str, Any]]:
    return [options for verb, options in machine.asked if verb == "receivers"]


@pytest.mark.parametrize("has", ["", "other-digest"])
def test_a_ready_machine_is_told_whom_its_own_guard_tells(has: str, wait: Wait) -> None:
    machine = ScriptedMachine({**READY, "unattended": {"receivers": has}})
    supplies = Supplies(None, webhooks="slack https://hooks.example/x", stack="dev")
    wait(machine, supplies=supplies)
    assert receivers(machine)[0] == {"webhooks": "slack https://hooks.example/x", "stack": "dev"}
    assert "hooks.example" not in repr(supplies)


def test_a_machine_that_does_not_take_them_says_so_in_the_notes_and_is_ready(wait: Wait) -> None:
    machine = ScriptedMachine({**READY, "unattended": {"receivers": ""}})
    run_verb = machine.run_verb

    def refuse(verb: str, options: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
        if verb == "receivers":
            raise VerbFailedError("its disk is full")
        return run_verb(verb, options, **more)

    machine.run_verb = refuse  # type: ignore[method-assign]
    ready, _ = wait(machine, supplies=Supplies(None, webhooks="slack https://hooks.example/x", stack="dev"))
    assert ready.notes == ("The machine does not take chatglm:webhooks: its disk is full",)


@pytest.mark.parametrize("unattended", [{"receivers": ""}, {}, None])
def test_a_machine_that_has_them_or_is_of_an_older_version_is_told_nothing(unattended: Any, wait: Wait) -> None:
    machine = ScriptedMachine({**READY, "unattended": unattended})
    wait(machine, supplies=Supplies(None))
    assert receivers(machine) == []


# --- the demo over HTTPS ---------------------------------------------------------------------------------------------


@pytest.fixture
def secure_page(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A page over TLS, and its certificate."""
    made = make("127.0.0.1", datetime.now(UTC))
    file = tmp_path / "both.pem"
    file.write_bytes(made.both)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    with HTTPServer(("127.0.0.1", 0), AsksForLogin) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port, made.certificate
        server.shutdown()


def with_tls(certificate: str | None, **changes: Any) -> dict[str, Any]:
    return {**READY, "tls": {"certificate": certificate}, **changes}


def test_a_machine_that_waits_for_its_certificate_gets_one_and_is_asked_over_https(
    wait: Wait, secure_page: tuple[int, str]
) -> None:
    port, certificate = secure_page
    machine = ScriptedMachine(at_work(), at_work(tls={"certificate": None}), with_tls(certificate))
    ready, said = wait(machine, demo_port=port)
    assert [name for name, _ in machine.uploads] == ["stage2.zip", "demo-tls.pem"]
    assert machine.verbs.count("certificate") == 1
    assert "The machine has no certificate for its demo yet. Sending one with its key." in said
    assert ready.status["tls"]["certificate"] == certificate


def test_a_page_with_another_certificate_than_the_machines_is_not_the_demo(
    wait: Wait, secure_page: tuple[int, str]
) -> None:
    port, _ = secure_page
    other = make("127.0.0.1", datetime.now(UTC)).certificate
    with pytest.raises(ReadyTimeoutError, match=r"https://127.0.0.1:.* does not answer from here"):
        wait(ScriptedMachine(with_tls(other)), demo_port=port)


def test_a_page_in_the_clear_is_not_the_demo_of_a_machine_with_tls(wait: Wait) -> None:
    own = make("127.0.0.1", datetime.now(UTC)).certificate
    with pytest.raises(ReadyTimeoutError, match=r"https://127.0.0.1:.* does not answer from here"):
        wait(ScriptedMachine(with_tls(own)))


def test_a_key_never_goes_over_tat_and_the_end_says_what_is_missing(wait: Wait) -> None:
    agent = ScriptedMachine(with_tls(None))
    with pytest.raises(ReadyTimeoutError, match="key and certificate, which go over WinRM alone") as told:
        wait(ScriptedMachine(SILENT), find_agent=lambda: agent)
    assert agent.uploads == []
    assert "certificate" not in agent.verbs
    assert "5986" in told.value.hint


def test_a_machine_that_refuses_its_key_is_asked_once_and_that_is_told(
    wait: Wait, secure_page: tuple[int, str]
) -> None:
    port, certificate = secure_page
    elsewhere = make("203.0.113.9", datetime.now(UTC)).certificate
    refusal = VerbFailedError("The rights of C:\\chatglm could not be set.", "Look at the step windows.")
    machine = ScriptedMachine(with_tls(elsewhere), with_tls(certificate), certificate=refusal)
    ready, _ = wait(machine, demo_port=port)
    assert machine.verbs.count("certificate") == 1
    assert "does not take the demo's key and certificate: The rights of" in ready.notes[0]


def test_a_machine_that_can_never_serve_for_want_of_its_key_ends_the_waiting(wait: Wait) -> None:
    refusal = VerbFailedError("The rights of C:\\chatglm could not be set.", "Look at the step windows.")
    machine = ScriptedMachine(with_tls(None), certificate=refusal)
    with pytest.raises(BootstrapFailedError, match="does not take the demo's key and certificate") as told:
        wait(machine)
    assert "Look at the step windows." in told.value.hint
    assert 1 < machine.verbs.count("certificate") < 10, "once may be an accident"
