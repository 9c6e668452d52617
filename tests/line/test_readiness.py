"""What `pulumi up` does while it waits: told by a scripted machine on a clock of its own, and once by a real one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.bootstrap.render import BootstrapInputs, render
from components.bootstrap.settings import BootstrapSettings
from line.certificates import CertificateFile
from line.channel import (
    CertificateChangedError,
    ChannelError,
    NotPreparedError,
    UnreachableError,
    VerbFailedError,
    WrongPasswordError,
)
from line.delivery import Supplies
from line.outcome import BootstrapFailedError, ReadyTimeoutError
from line.progress import describe
from line.readiness import Patience, wait_ready
from localcloud.clock import Clock
from localcloud.guest_runtime import GuestMachine
from localcloud.windows.runtime import LocalGuests
from tests.line.scripted import READY, REFUSED, SILENT, ScriptedMachine, Wait, at_work, failed


def test_ready_is_when_the_machine_says_so_and_the_page_answers(wait: Wait) -> None:
    ready, said = wait(ScriptedMachine(SILENT, at_work(), READY))
    assert ready.seconds == 10
    assert said[0] == "The machine starts."


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


def test_a_failure_after_our_own_second_stage_is_no_old_one(wait: Wait) -> None:
    machine = ScriptedMachine(at_work(), failed())
    with pytest.raises(BootstrapFailedError):
        wait(machine)
    assert "retry" not in machine.verbs
    assert machine.now == 5, "told at the first look that shows it"


def test_an_old_failure_is_tried_once_more(wait: Wait) -> None:
    machine = ScriptedMachine(failed(), failed(), at_work(updated="t2"), READY)
    ready, said = wait(machine)
    assert machine.verbs.count("retry") == 1
    assert ready.seconds == 15, "and what it comes to is waited for"
    assert "The installation had failed; it is started again where it stopped." in said


def test_what_fails_again_fails(wait: Wait) -> None:
    with pytest.raises(BootstrapFailedError):
        wait(ScriptedMachine(failed(), failed(), failed("t2")))


def test_a_retry_that_never_starts_fails(wait: Wait) -> None:
    machine = ScriptedMachine(*[SILENT] * 20, failed())
    with pytest.raises(BootstrapFailedError):
        wait(machine)
    assert machine.now == 100 + 120


def test_a_machine_that_cannot_retry_has_failed(wait: Wait) -> None:
    machine, said = ScriptedMachine(failed(), retry=VerbFailedError("no such verb")), list[str]()
    with pytest.raises(BootstrapFailedError):
        wait(machine, progress=said.append)
    assert machine.now == 0
    assert said[-1] == "It does not start again: no such verb"


def test_a_password_that_windows_has_not_taken_over_yet_is_borne_with_few_tries(wait: Wait) -> None:
    wait(ScriptedMachine(REFUSED, REFUSED, READY))
    machine = ScriptedMachine(REFUSED)
    with pytest.raises(WrongPasswordError):
        wait(machine)
    assert len(machine.verbs) <= 4, "Windows locks the account after ten"


def test_a_password_that_was_never_taken_is_what_a_short_wait_ends_with(wait: Wait) -> None:
    with pytest.raises(UnreachableError, match="for 1 minutes: The machine refuses Administrator's password"):
        wait(ScriptedMachine(REFUSED), timeout_minutes=1)


def test_a_password_that_was_taken_in_between_has_its_whole_time_again(wait: Wait) -> None:
    ready, _ = wait(ScriptedMachine(REFUSED, *[at_work()] * 40, REFUSED, READY))
    assert ready.seconds == 60 + 40 * 5 + 60


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


@pytest.mark.parametrize("answer", [SILENT, at_work()], ids=["silent", "at work"])
def test_the_waiting_takes_the_time_that_it_was_given_and_no_more(wait: Wait, answer: Any) -> None:
    machine = ScriptedMachine(answer)
    with pytest.raises(ChannelError):
        wait(machine, timeout_minutes=1)
    assert machine.now == 60


def test_a_page_that_is_closed_to_the_operator_is_told(wait: Wait) -> None:
    with pytest.raises(ReadyTimeoutError, match="does not answer from here") as told:
        wait(ScriptedMachine(READY), demo_port=9)
    assert "operatorCidrs" in told.value.hint


def test_a_restart_in_between_is_borne(wait: Wait) -> None:
    _, said = wait(ScriptedMachine(at_work(), SILENT, SILENT, at_work(), READY))
    assert "The machine does not answer just now." in said


def test_one_bad_answer_is_borne_and_five_in_a_row_are_told(wait: Wait) -> None:
    bad = VerbFailedError("status printed no JSON object (exit code 1): ")
    _, said = wait(ScriptedMachine(bad, at_work(), bad, bad, bad, bad, at_work(), READY))
    assert any(line.startswith("The machine gave a bad answer; asking again. status printed no JSON") for line in said)
    machine = ScriptedMachine(at_work(), bad, bad, bad, bad, bad)
    with pytest.raises(VerbFailedError, match="no JSON object"):
        wait(machine)
    assert machine.now == 25


# --- an installation that has stopped without a word -----------------------------------------------------------------

STALE = at_work(step="cuda", heartbeat={"seconds": 900, "stale": True})


def test_a_dead_installation_is_started_again_once_and_goes_on(wait: Wait) -> None:
    machine = ScriptedMachine(STALE, STALE, at_work(), READY)
    _, said = wait(machine)
    assert [ask for ask in machine.asked if ask[0] == "retry"] == [("retry", {"force": True})]
    assert "The installation has stopped without a word; it is started again." in said


def test_an_installation_that_went_on_and_stopped_again_is_started_again_again(wait: Wait) -> None:
    machine = ScriptedMachine(STALE, *[at_work()] * 30, STALE, at_work(), READY)
    wait(machine)
    assert machine.verbs.count("retry") == 2


def test_a_dead_installation_that_does_not_start_again_is_told_with_its_age(wait: Wait) -> None:
    machine = ScriptedMachine(STALE)
    with pytest.raises(BootstrapFailedError, match=r"step cuda: the installation last wrote 900 s ago"):
        wait(machine)
    assert machine.verbs.count("retry") == 1
    assert machine.now == 125, "said at once, and not at the end of the whole wait"


def test_a_ready_machine_needs_no_heartbeat(wait: Wait) -> None:
    machine = ScriptedMachine({**READY, "heartbeat": {"seconds": 90000, "stale": True}})
    wait(machine)
    assert "retry" not in machine.verbs


# --- without WinRM ---------------------------------------------------------------------------------------------------


def test_a_silent_winrm_is_gone_around_over_tat_and_the_update_ends_ready(wait: Wait) -> None:
    machine = ScriptedMachine(SILENT)
    agent = ScriptedMachine(at_work(phase="waiting", waitsFor="second stage has not come yet"), at_work(), READY)
    ready, said = wait(machine, find_agent=lambda: agent)
    assert [name for name, _ in agent.uploads] == ["stage2.zip"]
    assert ready.seconds >= 300, "WinRM has its time first"
    assert "data sets and runs need port 5986" in ready.notes[0]
    assert "Seen over TAT: the service WinRM: Stopped" in said


def test_the_agent_is_asked_from_time_to_time_and_believed_when_it_says_something_new(wait: Wait) -> None:
    agent = ScriptedMachine(*[at_work()] * 4, READY)
    ready, _ = wait(ScriptedMachine(SILENT), find_agent=lambda: agent)
    looks = [300, 330, 360, 390, 420]  # the last finds it ready, and has it open the way
    believed = looks[-1] + 120 + 30  # it said nothing new
    assert ready.seconds == believed
    assert agent.verbs.count("status") == (believed - looks[0]) / 30 + 1


def test_the_times_of_a_machine_that_lives_faster_are_shorter_in_proportion() -> None:
    assert Patience.paced(2.0) == Patience(poll=2.0, silence=120.0, agent=12.0)
    assert (Patience().silence, Patience().agent, Patience().login) == (300, 30, 180)


def test_a_winrm_that_answered_in_between_has_its_whole_time_again(wait: Wait) -> None:
    asked: list[int] = []
    wait(ScriptedMachine(SILENT, *[at_work()] * 70, SILENT, READY), find_agent=lambda: asked.append(1))
    assert asked == []


def test_a_ready_machine_with_a_closed_port_is_set_right_once(wait: Wait) -> None:
    before, after = {**READY, "updated": "t1"}, {**READY, "updated": "t2"}
    agent = ScriptedMachine(before, before, at_work(updated="t2"), after)
    wait(ScriptedMachine(SILENT), find_agent=lambda: agent)
    assert [ask for ask in agent.asked if ask[0] == "retry"] == [("retry", {"force": True})]
    assert agent.verbs.count("status") == 4, "what was said before it began again is not believed"


def test_a_machine_whose_user_data_never_ran_gets_it_over_tat(wait: Wait) -> None:
    agent = ScriptedMachine(NotPreparedError("not yet"), at_work(), READY)
    agent.run_script = never_ran(agent)  # type: ignore[method-assign]
    supplies = Supplies(b"zip", b"{}", "<powershell>\nfirst stage\n</powershell>\n")
    wait(ScriptedMachine(SILENT), find_agent=lambda: agent, supplies=supplies)
    assert "first stage\nWrite-Packed 0 'started'" in agent.scripts


def never_ran(agent: ScriptedMachine) -> Callable[..., tuple[int, bytes]]:
    def run_script(script: str, **_: Any) -> tuple[int, bytes]:
        agent.scripts.append(script)
        return 0, json.dumps({"entry": False, "status": None, "windows": {}, "logs": {}}).encode()

    return run_script


def test_a_machine_that_nothing_began_on_is_begun_at_the_first_look(wait: Wait) -> None:
    agent = ScriptedMachine(NotPreparedError("not yet"))
    agent.run_script = never_ran(agent)  # type: ignore[method-assign]
    with pytest.raises(UnreachableError):
        wait(
            ScriptedMachine(SILENT),
            find_agent=lambda: agent,
            supplies=Supplies(b"zip", b"{}", "<powershell>\nfirst stage\n</powershell>\n"),
        )
    assert agent.scripts.count("first stage\nWrite-Packed 0 'started'") == 1


def test_a_refused_password_is_gone_around_too_and_not_tried_any_more(wait: Wait) -> None:
    machine, agent = ScriptedMachine(REFUSED), ScriptedMachine(READY)
    ready, _ = wait(machine, find_agent=lambda: agent)
    assert len(machine.verbs) <= 4, "Windows locks the account after ten"
    assert "refuses Administrator's password" in ready.notes[0]


def test_without_an_agent_the_end_says_what_is_left(wait: Wait) -> None:
    with pytest.raises(UnreachableError, match=r"VNC.*cloudbase-init.*image"):
        wait(ScriptedMachine(SILENT))


def test_an_agent_that_fails_is_told_and_asked_again(wait: Wait) -> None:
    agent = ScriptedMachine(UnreachableError("TAT says DELIVER_FAILED."), at_work(), READY)
    _, said = wait(ScriptedMachine(SILENT), find_agent=lambda: agent)
    assert "TAT says DELIVER_FAILED." in said


def test_a_bad_answer_over_tat_is_borne_too(wait: Wait) -> None:
    agent = ScriptedMachine(VerbFailedError("ModuleNotFoundError"), at_work(), READY)
    ready, _ = wait(ScriptedMachine(SILENT), find_agent=lambda: agent)
    assert ready.status["phase"] == "ready"


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
        BootstrapInputs(BootstrapSettings(demo_port=17860), "demo-passw0rd", ("127.0.0.1/32",), "org/chatglm/test")
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
            supplies=Supplies(rendered.second_stage),
            certificates=CertificateFile(tmp_path / "known.json"), progress=said.append, patience=Patience(poll=0.05),
        )  # fmt: skip
    finally:
        guests.close()
    assert ready.status["phase"] == "ready"
    assert "Sending the second stage." in said
    assert len(CertificateFile(tmp_path / "known.json").get("ins-9") or "") == 64


def test_a_download_that_failed_is_told_before_its_step_begins() -> None:
    trouble = {"state": "failed", "file": "a.bin", "message": "a.bin: HTTP 404", "hint": ""}
    told = describe(at_work(steps=[{"title": "ChatGLM-6B model", "state": "pending", "download": trouble}]))
    assert told == "0 of 1 steps done; ChatGLM-6B model: its download failed: a.bin: HTTP 404"
