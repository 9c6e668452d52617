"""Status, logs, open and rdp: against a real machine, and where there is none, or one that lets nobody in."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from line.certificates import CertificateFile
from operate import channel
from operate.errors import ExitCode
from operate.logs import last_drawn, new_lines
from operate.stacks import Stack
from operate.status import Status, render
from tencent.facts import Image, Instance
from tools.throwaway import MACHINE, PASSWORD, ReadyMachine

from .conftest import Chatglm, LocalCloud, make_stack

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ALIVE = Instance(MACHINE, "RUNNING", "ap-guangzhou-3", "img-1", "l", NOW, "127.9.9.9")
IMAGE = Image("img-1", "chatglm-test-1", "NORMAL", NOW - timedelta(hours=30), 75)


def told(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def screen(status: Status) -> str:
    out = StringIO()
    Console(file=out, width=160).print(render(status))
    return out.getvalue()


def make_status(**changes: Any) -> Status:
    return replace(Status("test", "running", "ap-guangzhou", NOW), **changes)


def test_a_ready_machine_is_told_on_one_screen(chatglm: Chatglm, stack: Stack) -> None:
    answer = chatglm(stack, "status", "--json")
    assert answer.exit_code == 0, answer.output
    status = told(answer.stdout)
    assert (status["phase"], status["demo"]["state"]) == ("ready", "answering")
    # Without keys the cloud cannot be asked; that is said, and the machine's own word counts.
    assert set(status["unknown"]) == {"machine", "image"}
    assert "serves base" in chatglm(stack, "status").output


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (
            make_status(machine=ALIVE, guest={"phase": "ready", "demo": {"state": "answering"}}),
            ExitCode.OK,
            "answering",
        ),
        (
            make_status(machine=ALIVE, guest={"phase": "ready", "demo": {"state": "starting"}}),
            ExitCode.NOT_YET,
            "start",
        ),
        (
            make_status(
                machine=ALIVE,
                guest={"phase": "ready", "demo": {"state": "starting"}, "tls": {"certificate": None}},
            ),
            ExitCode.NOT_YET,
            "waits for its key and certificate",
        ),
        (
            make_status(
                machine=ALIVE,
                guest={"phase": "ready", "demo": {"state": "answering", "url": "https://127.0.0.1:7860"}},
                outputs={"demoUrl": "https://203.0.113.9:7860"},
            ),
            ExitCode.OK,
            "https://203.0.113.9:7860",
        ),
        (
            make_status(
                machine=ALIVE,
                guest={
                    "phase": "ready",
                    "demo": {"state": "stopped"},
                    "training": {"running": "a", "run": "a", "progress": {"step": 3, "total": 9, "loss": 3.25}},
                },
            ),
            ExitCode.OK,
            "a, step 3 of 9, loss 3.25",
        ),
        (make_status(machine=ALIVE, guest={"phase": "failed", "message": "torch"}), ExitCode.FAILED, "failed: torch"),
        (make_status(machine=ALIVE, unknown={"guest": "no answer"}), ExitCode.NO_CONNECTION, "no answer"),
        (make_status(machine=replace(ALIVE, state="PENDING")), ExitCode.NOT_YET, "pending"),
        (make_status(wanted="parked", image=IMAGE), ExitCode.PARKED, "img-1, 30 h old, 75 GB"),
        (make_status(outputs={"machineId": MACHINE}), ExitCode.PARKED, "is gone (reclaimed or terminated)"),
    ],
)
def test_the_exit_code_says_how_things_stand(status: Status, code: ExitCode, says: str) -> None:
    assert status.exit_code is code
    assert says in screen(status)


def test_steps_are_shown_with_bytes_rate_and_time_left() -> None:
    step = {
        "name": "model",
        "title": "ChatGLM-6B",
        "state": "running",
        "percent": 25,
        "bytes": 3.4e9,
        "totalBytes": 13.4e9,
        "rateBytesPerSecond": 12.5e6,
        "secondsLeft": 800,
        "attempt": 2,
    }
    text = screen(make_status(machine=ALIVE, guest={"phase": "bootstrapping", "steps": [step]}))
    assert "3.4 GB of 13.4 GB, 12.5 MB/s, 13 min left, attempt 2" in text


def test_a_reclaim_notice_is_told() -> None:
    guest = {"phase": "ready", "reclaim": {"ends": "2026-05-01T12:02:00+00:00", "message": "It will be reclaimed."}}
    assert "It ends at 2026-05-01 12:02:00+00:00" in screen(make_status(machine=ALIVE, guest=guest))
    restored = make_status(machine=ALIVE, guest=guest, now=NOW + timedelta(hours=1))
    assert "reclaimed" not in screen(restored)  # the notice was for the machine before, and came along in the image


def guarded(**unattended: object) -> dict[str, object]:
    return {"phase": "ready", "unattended": {"guards": True, **unattended}}


def test_last_use_is_told_by_kind() -> None:
    idle = {"demo": 725.0, "api": 86_400.0, "gpu": 725.0, "login": 7200.0, "task": 86_400.0}
    told = screen(make_status(machine=ALIVE, guest=guarded(use={"idleSeconds": idle, "inUse": [], "unknown": ["gpu"]})))
    assert "demo 12, API 1440, GPU 12, desktop 120" in told
    assert "not known: GPU" in told
    used = screen(make_status(machine=ALIVE, guest=guarded(use={"idleSeconds": idle, "inUse": ["login"]})))
    assert "in use now: desktop" in used
    assert "Last use" in screen(make_status(machine=ALIVE, guest={"phase": "ready"}))


def test_the_machines_own_guard_warns_and_tells_its_trouble() -> None:
    says = {"en": "parks in 9 min: nobody has used it for 31 min", "zh": "9 分钟后停放"}
    assert "parks in 9 min" in screen(make_status(machine=ALIVE, guest=guarded(guard={"act": "warn", "says": says})))
    failed = guarded(guard={"act": "stay", "says": says, "trouble": "CreateImage: denied"})
    told = screen(make_status(machine=ALIVE, guest=failed))
    assert "It could not park itself and works on" in told
    assert "parks in" not in told
    assert "is parking itself" in screen(make_status(machine=ALIVE, guest=guarded(park={"phase": "complete"})))


def test_a_machine_that_parked_itself_is_not_said_to_be_reclaimed() -> None:
    image = Image("img-2", "n", "NORMAL", NOW, 75, "ins-1", 2, parked="t 2026-05-01T11:00:00Z idle minutes=41")
    told = screen(make_status(machine=None, image=image, outputs={"machineId": "ins-1"}))
    assert "The machine ins-1 parked itself at 2026-05-01T11:00:00Z: nobody has used it for 41 min" in told
    assert "reclaimed" not in told


def test_a_parked_stack_says_so_in_one_line(chatglm: Chatglm) -> None:
    parked = make_stack(config={"chatglm:state": "parked"})
    for command in (("runs",), ("logs", "demo"), ("open",), ("rdp",), ("stop",), ("deploy", "base")):
        answer = chatglm(parked, *command)
        assert (answer.exit_code, answer.stderr.splitlines()[0]) == (3, "The stack is parked: there is no machine.")


def test_a_machine_that_does_not_answer_is_told(chatglm: Chatglm, stack: Stack) -> None:
    away = replace(stack, outputs={**stack.outputs, "address": "127.9.8.7"})
    answer = chatglm(away, "runs")
    assert answer.exit_code == 4
    assert "127.9.8.7:5986 does not answer" in answer.output


def test_a_reclaimed_machine_is_known_by_the_cloud(chatglm: Chatglm, stack: Stack, cloud: LocalCloud) -> None:
    gone = replace(stack, outputs={**stack.outputs, "address": "127.9.8.7"}, environment=cloud.environment)
    answer = chatglm(gone, "runs")
    assert answer.exit_code == 3
    assert "reclaimed or terminated" in answer.output
    assert "chatglm restore" in answer.output


def test_a_wrong_password_is_told(chatglm: Chatglm, stack: Stack) -> None:
    wrong = replace(stack, config={**stack.config, "chatglm:adminPassword": "Wr0ng-password!"})
    answer = chatglm(wrong, "runs")
    assert answer.exit_code == 5
    assert "refuses Administrator's password" in answer.output
    assert "Wr0ng" not in answer.output


def test_a_machine_that_keeps_the_password_of_its_launch_lets_in_with_it_and_that_is_said(
    chatglm: Chatglm, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(stack, config={**stack.config, "chatglm:adminPassword": "Ch0sen-later!"})
    monkeypatch.setattr("operate.stacks.read_secret", lambda _, name: {"adminPassword": PASSWORD}[name])
    answer = chatglm(changed, "runs")
    assert answer.exit_code == 0, answer.output
    assert "the one of its launch: that one is used" in answer.stderr
    assert PASSWORD not in answer.output + answer.stderr


def test_a_changed_certificate_is_told(
    chatglm: Chatglm, stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "known_certificates", lambda: tmp_path / "known.json")
    CertificateFile(tmp_path / "known.json").put(MACHINE, "00" * 32)
    answer = chatglm(stack, "runs")
    assert answer.exit_code == 5
    assert "another certificate" in answer.output


def test_an_installation_under_way_is_no_failure(chatglm: Chatglm, stack: Stack, guest: ReadyMachine) -> None:
    script = guest.root / "chatglm.ps1"
    script.rename(script.with_suffix(".away"))
    try:
        assert chatglm(stack, "runs").exit_code == 7
    finally:
        script.with_suffix(".away").rename(script)


def test_logs_of_steps_and_of_the_demo(chatglm: Chatglm, stack: Stack, guest: ReadyMachine) -> None:
    (guest.root / "logs" / "torch.log").write_text("one\ntwo\nthree\n", encoding="utf-8")
    assert chatglm(stack, "logs", "torch", "-n", "2").output == "two\nthree\n"
    assert told(chatglm(stack, "logs", "torch", "--json").stdout)["lines"] == ["one", "two", "three"]
    unknown = chatglm(stack, "logs", "nothing")
    assert (unknown.exit_code, "no log named 'nothing'" in unknown.output) == (1, True)


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ([], ["a"], ["a"]),
        (["a", "b"], ["a", "b"], []),
        (["a", "b"], ["b", "c"], ["c"]),
        (["a", "b"], ["x", "y"], ["x", "y"]),
        (["a", "a"], ["a", "a", "a"], ["a"]),
    ],
)
def test_following_shows_each_line_once(before: list[str], now: list[str], new: list[str]) -> None:
    assert new_lines(before, now) == new


def test_of_a_redrawn_bar_the_last_drawing_is_shown() -> None:
    assert last_drawn(" 1%|#\r 2%|##\r") == " 2%|##"


def test_the_rdp_file_holds_no_password(chatglm: Chatglm, stack: Stack, tmp_path: Path) -> None:
    target = tmp_path / "machine.rdp"
    assert chatglm(stack, "rdp", "--file", str(target)).exit_code == 0
    lines = target.read_bytes().split(b"\r\n")
    assert f"full address:s:{stack.address}:3389".encode() in lines
    assert b"P@ssw0rd" not in target.read_bytes()


def test_open_goes_to_the_demo_and_keeps_the_password_to_itself(
    chatglm: Chatglm, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: not opened.append(url))
    answer = chatglm(stack, "open")
    assert opened == [f"http://{stack.address}:7860"]
    assert "the demoPassword" not in answer.output
    monkeypatch.setattr("operate.stacks.read_secret", lambda _, name: f"the {name}")
    assert told(chatglm(stack, "open", "--json", "--password").stdout)["password"] == "the demoPassword"


def test_watch_ends_when_the_demo_answers(chatglm: Chatglm, stack: Stack) -> None:
    answer = chatglm(stack, "watch", "--until-ready", "--json")
    assert (answer.exit_code, told(answer.stdout)["phase"]) == (0, "ready")
