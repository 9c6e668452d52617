"""The real pywinrm against a machine of the local cloud."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable

import pytest
import winrm
from winrm.exceptions import InvalidCredentialsError, WSManFaultError

from localcloud.guest_runtime import GuestMachine
from localcloud.windows.machine import WINRM_PORT
from localcloud.windows.runtime import LocalGuests
from tests.waiting import wait_until

from .conftest import PASSWORD, connect

MakeMachine = Callable[..., GuestMachine]


@pytest.fixture
def machine(guests: LocalGuests, make_machine: MakeMachine) -> GuestMachine:
    machine = make_machine()
    guests.launch(machine)
    wait_until(lambda: guests.is_ready(machine.instance_id))
    return machine


def certificate_of(machine: GuestMachine) -> bytes:
    pem = ssl.get_server_certificate((machine.address, WINRM_PORT))
    return ssl.PEM_cert_to_DER_cert(pem)


def test_a_command_that_needs_windows_fails_and_says_why(machine: GuestMachine) -> None:
    answer = connect(machine).run_cmd("ipconfig", ["/all"])
    assert answer.status_code == 1
    assert b"simulated by the local cloud" in answer.std_err
    assert b"ipconfig /all" in answer.std_err


def test_a_script_that_needs_powershell_fails_with_an_error_record(machine: GuestMachine) -> None:
    answer = connect(machine).run_ps("Get-Process | Where-Object { $_.Name -eq 'x' }")
    assert answer.status_code == 1
    # pywinrm decodes the CLIXML of an error record.
    assert answer.std_err.decode().startswith("This machine is simulated")


def test_a_script_too_long_for_cmd_is_refused_as_windows_does(machine: GuestMachine) -> None:
    answer = connect(machine).run_ps("x" * 4000)
    assert (answer.status_code, answer.std_err) == (1, b"The command line is too long.\r\n")


@pytest.mark.parametrize("user", ["Administrator", "administrator", ".\\Administrator", "chatglm\\Administrator"])
def test_every_spelling_of_the_local_user_logs_in(machine: GuestMachine, user: str) -> None:
    assert connect(machine, user=user).run_cmd("x").status_code == 1


@pytest.mark.parametrize(("user", "password"), [("Administrator", PASSWORD + "x"), ("Guest", PASSWORD)])
def test_a_wrong_password_or_user_is_turned_away(machine: GuestMachine, user: str, password: str) -> None:
    with pytest.raises(InvalidCredentialsError):
        connect(machine, password, user).run_cmd("x")


def test_a_log_in_that_came_through_another_tls_server_is_turned_away(
    machine: GuestMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = connect(machine)
    session.protocol.transport.build_session()
    monkeypatch.setattr(
        session.protocol.transport.session.auth, "_get_server_cert", lambda _: hashlib.sha256(b"other").digest()
    )
    with pytest.raises(InvalidCredentialsError):
        session.run_cmd("x")


def test_no_password_lies_on_the_disk(machine: GuestMachine) -> None:
    for path in machine.disk.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes()
    private = [machine.disk / "local-guest" / name for name in ("winrm.key", "ntlm-users")]
    assert [path.stat().st_mode & 0o777 for path in private] == [0o600, 0o600]


def test_the_certificate_stays_the_same_through_a_restart(
    guests: LocalGuests, machine: GuestMachine, make_machine: MakeMachine
) -> None:
    before = certificate_of(machine)
    guests.stop(machine.instance_id)
    wait_until(lambda: not guests.is_running(machine.instance_id))
    restored = make_machine("ins-restored", disk=machine.disk)
    guests.launch(restored)
    wait_until(lambda: guests.is_ready("ins-restored"))
    assert certificate_of(restored) == before


def test_machines_have_certificates_of_their_own(
    guests: LocalGuests, machine: GuestMachine, make_machine: MakeMachine
) -> None:
    other = make_machine("ins-other")
    guests.launch(other)
    wait_until(lambda: guests.is_ready("ins-other"))
    assert certificate_of(machine) != certificate_of(other)


def test_each_machine_takes_its_own_password_only(
    guests: LocalGuests, machine: GuestMachine, make_machine: MakeMachine
) -> None:
    other = make_machine("ins-other", password="Other-Passw0rd!")
    guests.launch(other)
    wait_until(lambda: guests.is_ready("ins-other"))
    assert connect(other, "Other-Passw0rd!").run_cmd("x").status_code == 1
    with pytest.raises(InvalidCredentialsError):
        connect(other, PASSWORD).run_cmd("x")


def test_shells_are_used_side_by_side(machine: GuestMachine) -> None:
    answers: list[winrm.Response] = []
    session_count = 8

    def work(number: int) -> None:
        answers.append(connect(machine).run_cmd(f"command-{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(session_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = b"".join(answer.std_err for answer in answers)
    assert all(f"command-{number}".encode() in texts for number in range(session_count))


def test_a_user_has_thirty_shells_at_most(machine: GuestMachine) -> None:
    protocol = connect(machine).protocol
    shells = [protocol.open_shell() for _ in range(30)]
    with pytest.raises(WSManFaultError, match="30 shells"):
        protocol.open_shell()
    protocol.close_shell(shells[0], close_session=False)
    protocol.open_shell()


def test_a_closed_shell_is_no_longer_known(machine: GuestMachine) -> None:
    protocol = connect(machine).protocol
    shell = protocol.open_shell()
    protocol.close_shell(shell, close_session=False)
    with pytest.raises(WSManFaultError) as caught:
        protocol.run_command(shell, "x")
    assert caught.value.wsman_fault_code == 2150858843


def test_power_off_drops_the_connections_and_frees_the_port(guests: LocalGuests, machine: GuestMachine) -> None:
    session = connect(machine)
    session.protocol.open_shell()
    guests.stop(machine.instance_id)
    wait_until(lambda: not guests.is_running(machine.instance_id))
    with pytest.raises(OSError, match="refused"):
        certificate_of(machine)


def test_a_machine_can_be_started_again_at_once(guests: LocalGuests, machine: GuestMachine) -> None:
    guests.stop(machine.instance_id)
    guests.launch(machine)
    wait_until(lambda: guests.is_ready(machine.instance_id))
    assert connect(machine).run_cmd("x").status_code == 1
