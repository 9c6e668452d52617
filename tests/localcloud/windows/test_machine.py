"""A machine's life: user data, second stage, demo, restart, restore, and the end of everything with the power."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import requests

from components.bootstrap.render import Rendered
from localcloud.clock import Clock
from localcloud.guest_runtime import GuestMachine
from localcloud.windows.faults import FaultKind, FaultQueue
from localcloud.windows.machine import WINRM_PORT
from localcloud.windows.processes import MARK
from localcloud.windows.runtime import LocalGuests
from localcloud.windows.waiting import LONGEST_WAIT
from tests.waiting import wait_until

from .conftest import DEMO_PASSWORD, ENTRY, chatglm, connect, status_file, upload

MakeMachine = Callable[..., GuestMachine]
#: A clock that only the test moves, as good as: however slow this computer is, no step ends by itself.
STILL = 0.001

# Stands for the project's Python, to show how the console calls it; the real one has its own tests.
PROBE = """
import json, os, subprocess, sys, base64
verb, ask = sys.argv[1], json.loads(base64.b64decode(sys.argv[2].removeprefix("base64:")))
if verb == "detach":
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
if verb == "big":
    print(json.dumps({"text": "x" * ask["bytes"]}))
elif verb == "fail":
    print(json.dumps({"error": {"message": "no", "hint": "try"}}))
    sys.stderr.write("a warning")
    sys.exit(1)
else:
    print(json.dumps({"verb": verb, "ask": ask, "input": len(sys.stdin.buffer.read()) if ask.get("reads") else 0,
                      "environment": {key: value for key, value in os.environ.items()}}))
"""


@pytest.fixture
def machine(guests: LocalGuests, make_machine: MakeMachine, rendered: Rendered) -> GuestMachine:
    """A machine whose first stage has done what it can."""
    machine = make_machine(user_data=rendered.user_data.encode("ascii"))
    guests.launch(machine)
    wait_until(lambda: status_file(machine)["phase"] == "waiting")
    return machine


@pytest.fixture
def ready(guests: LocalGuests, machine: GuestMachine, rendered: Rendered) -> GuestMachine:
    """A machine that is all installed."""
    assert upload(machine, "stage2.zip", rendered.second_stage).exit_code == 0
    wait_until(lambda: guests.is_ready(machine.instance_id))
    return machine


@pytest.fixture
def probed(ready: GuestMachine) -> GuestMachine:
    """A machine whose Python tells how it was called."""
    (ready.disk / "chatglm" / "guest" / "__main__.py").write_text(PROBE, encoding="utf-8")
    return ready


def certificate_of(machine: GuestMachine) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate((machine.address, WINRM_PORT)))


def is_listening(machine: GuestMachine) -> bool:
    try:
        certificate_of(machine)
    except OSError:
        return False
    return True


def page(machine: GuestMachine, path: str = "/", **options: Any) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.get(f"http://{machine.address}:7860{path}", **options)


def test_a_machine_waits_for_its_second_stage_and_says_so(machine: GuestMachine, rendered: Rendered) -> None:
    answer = chatglm(machine, "status")
    assert answer.exit_code == 0
    assert answer.document["waitsFor"] == f"second stage {rendered.second_stage_sha256} has not come yet"
    assert answer.document["machine"] == machine.instance_id
    assert answer.document["simulated"] is True


def test_the_second_stage_makes_it_ready(guests: LocalGuests, ready: GuestMachine, rendered: Rendered) -> None:
    status = status_file(ready)
    assert status["phase"] == "ready"
    assert {step["state"] for step in status["steps"]} == {"done"}
    assert (ready.disk / "chatglm" / "guest" / "__main__.py").is_file()


def test_a_second_stage_with_another_content_is_thrown_away(
    guests: LocalGuests, machine: GuestMachine, rendered: Rendered
) -> None:
    upload(machine, "stage2.zip", rendered.second_stage + b"x")
    wait_until(lambda: "broken" in (status_file(machine)["waitsFor"] or ""))
    upload(machine, "stage2.zip", rendered.second_stage)
    wait_until(lambda: guests.is_ready(machine.instance_id))


def test_a_second_stage_can_be_made_to_arrive_broken(
    guests: LocalGuests, machine: GuestMachine, rendered: Rendered, tmp_path: Path
) -> None:
    FaultQueue(tmp_path).add(FaultKind.BROKEN_SECOND_STAGE, machine=machine.instance_id)
    upload(machine, "stage2.zip", rendered.second_stage)
    wait_until(lambda: "broken" in (status_file(machine)["waitsFor"] or ""))
    upload(machine, "stage2.zip", rendered.second_stage)
    wait_until(lambda: guests.is_ready(machine.instance_id))


def test_uploads_are_checked_and_land_in_the_inbox(machine: GuestMachine) -> None:
    content = bytes(range(256)) * 4096
    answer = upload(machine, "data.json", content)
    assert answer.document == {"name": "data.json", "bytes": 1_048_576}
    assert (machine.disk / "chatglm" / "inbox" / "data.json").read_bytes() == content


def test_an_upload_can_go_on_from_an_offset(machine: GuestMachine) -> None:
    digest = hashlib.sha256(b"first second").hexdigest()
    assert chatglm(machine, "receive", {"name": "a", "offset": 0}, b"Zmlyc3Q=\r\n").document["bytes"] == 5
    assert chatglm(machine, "receive", {"name": "a"}, b"").document["bytes"] == 5
    done = chatglm(machine, "receive", {"name": "a", "offset": 5, "sha256": digest}, b"IHNlY29uZA==\r\n")
    assert done.document == {"name": "a", "bytes": 12}


def test_an_upload_never_has_a_hole_of_zeros(machine: GuestMachine) -> None:
    chatglm(machine, "receive", {"name": "a", "offset": 0}, b"Zmlyc3Q=\r\n")
    answer = chatglm(machine, "receive", {"name": "a", "offset": 9}, b"Zmlyc3Q=\r\n")
    assert answer.exit_code == 1
    assert answer.document["error"] == {"message": "the upload has 5 bytes, not 9", "hint": "Go on from there."}
    assert chatglm(machine, "receive", {"name": "a"}, b"").document["bytes"] == 5


def test_the_last_call_of_an_upload_may_come_twice(machine: GuestMachine) -> None:
    ask = {"name": "a", "sha256": hashlib.sha256(b"first").hexdigest()}
    chatglm(machine, "receive", {"name": "a", "offset": 0}, b"Zmlyc3Q=\r\n")
    answers = [chatglm(machine, "receive", ask, b"").document for _ in range(2)]
    assert answers == [{"name": "a", "bytes": 5}] * 2


@pytest.mark.parametrize("name", ["../x", "C:\\x", "", ".hidden", "a/b", "x" * 101])
def test_an_upload_cannot_leave_the_inbox(machine: GuestMachine, name: str) -> None:
    answer = chatglm(machine, "receive", {"name": name, "offset": 0}, b"")
    assert answer.exit_code == 1
    assert answer.document["error"]["message"] == "this name is not allowed"


def test_a_damaged_upload_is_refused(machine: GuestMachine) -> None:
    answer = upload(machine, "data.json", b"content", sha256="0" * 64)
    assert (answer.exit_code, answer.document["error"]["message"]) == (1, "the upload is damaged")
    assert not (machine.disk / "chatglm" / "inbox" / "data.json").exists()


def test_the_log_tells_the_steps(machine: GuestMachine) -> None:
    lines = chatglm(machine, "log").document["lines"]
    assert any("base done (simulated" in line for line in lines)


def test_verbs_that_need_python_say_what_to_wait_for(machine: GuestMachine) -> None:
    answer = chatglm(machine, "train", {"dataset": "C:\\chatglm\\inbox\\data.json"})
    assert answer.exit_code == 1
    assert "needs Python" in answer.document["error"]["message"]


def test_an_argument_that_is_no_json_is_a_plain_error(machine: GuestMachine) -> None:
    answer = connect(machine).run_cmd(f"powershell.exe -File {ENTRY} status [1]")
    assert answer.status_code == 1
    assert b"no JSON object" in answer.std_out


def test_python_runs_with_the_machines_surroundings(probed: GuestMachine) -> None:
    answer = chatglm(probed, "probe", {"text": "你好 'quotes\" $x", "reads": True}, b"input")
    environment = answer.document["environment"]
    assert answer.document["ask"]["text"] == "你好 'quotes\" $x"
    assert answer.document["input"] == 5
    assert environment["CHATGLM_ROOT"] == "C:\\chatglm"
    assert environment["CHATGLM_MODEL"] == "C:\\chatglm-6b"
    assert not [name for name in environment if name.startswith("TENCENTCLOUD") or name.lower().endswith("_proxy")]


def test_paths_lead_into_the_machine_and_back(probed: GuestMachine) -> None:
    inbox = "C:\\chatglm\\inbox\\data.json"
    assert chatglm(probed, "probe", {"dataset": inbox, "list": [inbox]}).document["ask"] == {
        "dataset": inbox,
        "list": [inbox],
    }


@pytest.mark.parametrize("path", ["C:\\..\\..\\etc\\passwd", "D:\\x", "\\\\server\\share", "C:\\chatglm\\nul"])
def test_paths_out_of_the_machine_are_refused(probed: GuestMachine, path: str) -> None:
    answer = chatglm(probed, "probe", {"dataset": path})
    assert answer.exit_code == 1
    assert "C of this machine" in answer.document["error"]["hint"]


def test_errors_of_python_come_through(probed: GuestMachine) -> None:
    answer = chatglm(probed, "fail")
    assert answer.document == {"error": {"message": "no", "hint": "try"}}
    assert (answer.stderr, answer.exit_code) == ("a warning", 1)


def test_output_larger_than_an_envelope_arrives_whole(probed: GuestMachine) -> None:
    assert len(chatglm(probed, "big", {"bytes": 1_000_000}).document["text"]) == 1_000_000


def test_a_machine_without_a_first_stage_has_no_chatglm(guests: LocalGuests, make_machine: MakeMachine) -> None:
    machine = make_machine(user_data=b"<powershell>New-Item C:\\marker</powershell>")
    guests.launch(machine)
    wait_until(lambda: guests.is_ready(machine.instance_id))
    answer = connect(machine).run_cmd(f"powershell.exe -File {ENTRY} status")
    assert answer.status_code == -196608
    assert b"does not exist" in answer.std_err
    ran = (machine.disk / "local-guest" / "user-data-ran" / machine.instance_id).read_text(encoding="utf-8")
    assert "not run, this machine is simulated" in ran


def test_the_demo_page_wants_a_login_and_says_that_it_is_simulated(ready: GuestMachine) -> None:
    refused = page(ready)
    assert refused.status_code == 401
    assert "模拟" in refused.text
    assert "simulated" in refused.text
    assert page(ready, auth=("chatglm", "wrong")).status_code == 401
    inside = page(ready, auth=("chatglm", DEMO_PASSWORD))
    assert inside.status_code == 200
    assert "base" in inside.text


def test_the_demo_page_takes_the_login_of_its_form(ready: GuestMachine) -> None:
    with httpx.Client(trust_env=False, base_url=f"http://{ready.address}:7860") as client:
        form = {"username": "chatglm", "password": DEMO_PASSWORD}
        assert client.post("/login", data={**form, "password": "x"}).status_code == 401
        assert client.get("/").status_code == 401
        assert client.post("/login", data=form).status_code == 303
        assert client.get("/").status_code == 200


def test_the_demos_health_can_be_asked_without_a_login(ready: GuestMachine) -> None:
    assert page(ready, "/health").json() == {"simulated": True, "state": "answering", "model": "base"}


def test_the_demo_does_not_answer_before_the_machine_is_ready(machine: GuestMachine) -> None:
    with pytest.raises(httpx.ConnectError):
        page(machine, "/health")


def test_winrm_opens_with_the_first_step(guests: LocalGuests, make_machine: MakeMachine, rendered: Rendered) -> None:
    clock = Clock(speed=STILL)
    machine = make_machine(user_data=rendered.user_data.encode("ascii"), clock=clock)
    guests.launch(machine)
    wait_until(lambda: status_file(machine)["phase"] == "bootstrapping")
    assert not is_listening(machine)
    clock.advance(20.0)
    wait_until(lambda: is_listening(machine))
    assert status_file(machine)["step"] == "windows"


class AskedClock(Clock):
    """Counts how often it is asked for the time."""

    asked = 0

    def now(self) -> float:
        self.asked += 1
        return super().now()


def test_a_waiting_machine_looks_at_the_clock_now_and_then_and_does_nothing_in_between(
    guests: LocalGuests, make_machine: MakeMachine, rendered: Rendered
) -> None:
    clock = AskedClock(speed=STILL)
    machine = make_machine(user_data=rendered.user_data.encode("ascii"), clock=clock)
    guests.launch(machine)
    wait_until(lambda: status_file(machine)["phase"] == "bootstrapping")
    before, began = clock.asked, time.monotonic()
    wait_until(lambda: clock.asked >= before + 30)
    looks = (time.monotonic() - began) / LONGEST_WAIT + 2
    # Each look asks twice or thrice, and the logs of the beginning a dozen times; who never sleeps asks all at once.
    assert clock.asked - before <= 10 * looks


def test_power_off_in_mid_installation_takes_effect_at_once_and_keeps_what_was_downloaded(
    guests: LocalGuests, make_machine: MakeMachine, rendered: Rendered
) -> None:
    clock = Clock(speed=STILL)
    machine = make_machine(user_data=rendered.user_data.encode("ascii"), clock=clock)
    guests.launch(machine)
    wait_until(lambda: status_file(machine)["phase"] == "bootstrapping")
    clock.advance(600.0)
    wait_until(lambda: status_file(machine)["step"] == "windows")
    guests.stop(machine.instance_id)
    wait_until(lambda: not guests.is_running(machine.instance_id))
    torch = next(step for step in status_file(machine)["steps"] if step["name"] == "torch")
    guests.launch(machine)
    wait_until(lambda: guests.is_running(machine.instance_id) and status_file(machine)["step"] == "base")
    again = next(step for step in status_file(machine)["steps"] if step["name"] == "torch")
    assert again["bytes"] == pytest.approx(torch["bytes"], rel=0.01)


def test_a_new_process_goes_on_with_the_machine(guests: LocalGuests, ready: GuestMachine, tmp_path: Path) -> None:
    certificate = certificate_of(ready)
    guests.close()
    after = LocalGuests(tmp_path)
    try:
        after.launch(ready)
        wait_until(lambda: after.is_ready(ready.instance_id))
        assert certificate_of(ready) == certificate
        assert page(ready, "/health").status_code == 200
    finally:
        after.close()


def test_a_restored_machine_is_up_without_a_push(
    guests: LocalGuests, ready: GuestMachine, make_machine: MakeMachine, rendered: Rendered
) -> None:
    certificate = certificate_of(ready)
    guests.stop(ready.instance_id)
    wait_until(lambda: not guests.is_running(ready.instance_id))
    disk = ready.disk.with_name("disk-restored")
    shutil.copytree(ready.disk, disk, symlinks=True)
    restored = make_machine(
        "ins-restored", disk=disk, user_data=rendered.user_data.encode("ascii"), password="An-Other1 password"
    )
    guests.launch(restored)
    wait_until(lambda: guests.is_ready("ins-restored"))
    status = chatglm_with(restored, "An-Other1 password")
    assert status["machine"] == "ins-restored"
    assert certificate_of(restored) == certificate


def chatglm_with(machine: GuestMachine, password: str) -> dict[str, Any]:
    answer = connect(machine, password).run_cmd("ipconfig")
    assert answer.status_code == 1
    return status_file(machine)


def test_a_reboot_drops_the_connections_and_goes_on_by_itself(
    guests: LocalGuests, machine: GuestMachine, rendered: Rendered, tmp_path: Path
) -> None:
    FaultQueue(tmp_path).add(FaultKind.REBOOT, machine=machine.instance_id)
    # At the highest speed the machine restarts before the upload's last answer is on its way.
    with contextlib.suppress(requests.ConnectionError):
        upload(machine, "stage2.zip", rendered.second_stage)
    wait_until(lambda: guests.is_ready(machine.instance_id))
    log = (machine.disk / "chatglm" / "logs" / "base.log").read_text(encoding="utf-8")
    assert log.count("base done") == 2


def test_retry_goes_on_after_a_failure(
    guests: LocalGuests, machine: GuestMachine, rendered: Rendered, tmp_path: Path
) -> None:
    FaultQueue(tmp_path).add(FaultKind.INSTALL_FAILS, machine=machine.instance_id, step="torch", times=3)
    upload(machine, "stage2.zip", rendered.second_stage)
    wait_until(lambda: status_file(machine)["phase"] == "failed")
    assert not guests.is_ready(machine.instance_id)
    failed = next(step for step in status_file(machine)["steps"] if step["name"] == "torch")
    assert failed["error"]["logTail"].startswith("simulated")
    assert chatglm(machine, "retry").document == {"started": True}
    wait_until(lambda: guests.is_ready(machine.instance_id))


def test_a_fault_for_any_machine_waits_for_the_next_one(
    guests: LocalGuests, make_machine: MakeMachine, rendered: Rendered, tmp_path: Path
) -> None:
    FaultQueue(tmp_path).add(FaultKind.INSTALL_FAILS, step="base", times=3)
    machine = make_machine(user_data=rendered.user_data.encode("ascii"))
    guests.launch(machine)
    wait_until(lambda: status_file(machine)["phase"] == "failed")


def marked(machine: GuestMachine) -> list[psutil.Process]:
    mark = f"{machine.instance_id}@{machine.disk.resolve()}"
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_detached_processes_outlive_the_connection_and_end_with_the_machine(
    guests: LocalGuests, probed: GuestMachine
) -> None:
    before = len(marked(probed))
    assert chatglm(probed, "detach").exit_code == 0
    assert len(marked(probed)) == before + 1
    guests.stop(probed.instance_id)
    wait_until(lambda: not guests.is_running(probed.instance_id))
    assert marked(probed) == []


def test_what_a_killed_cloud_left_behind_ends_when_the_machine_starts_again(
    guests: LocalGuests, probed: GuestMachine, tmp_path: Path
) -> None:
    chatglm(probed, "detach")
    left_behind = marked(probed)
    # A second runtime knows nothing of the first, as after a crash; the first holds the ports until it is closed.
    after = LocalGuests(tmp_path)
    try:
        after.launch(probed)
        wait_until(lambda: not set(left_behind) & set(marked(probed)))
    finally:
        after.close()
