"""How long ago the machine was used: counted by the clock that cannot jump, and only while somebody looked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from guest.files import read_json, write_json
from guest.machine import Machine
from guest.process import Identity
from guest.training import gpu_task
from guest.unattended import use
from guest.unattended.use import Meter, Signs, see, told, use_file
from guest.unattended.visits import note_question, probing_file

NOBODY = Signs(demo="", api="", probe="", probing=False, gpu=0, task=False, login=0)


@dataclass
class Clock:
    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Trial:
    """A meter whose looks and clock are given."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.clock, self.signs = machine, Clock(), NOBODY
        self.begin()

    def begin(self) -> None:
        """As a new process does."""
        self.meter = Meter(self.machine, clock=self.clock, look=lambda _: self.signs)

    def pass_time(self, seconds: float, every: float = 15.0, machine: str | None = "ins-1") -> dict[str, Any]:
        idle = self.meter.look(machine)
        for _ in range(int(seconds / every)):
            self.clock.seconds += every
            idle = self.meter.look(machine)
        return idle


@pytest.fixture
def trial(installed: Machine) -> Trial:
    return Trial(installed)


def test_each_kind_counts_by_itself(trial: Trial) -> None:
    trial.pass_time(600)
    trial.signs = replace(NOBODY, demo="a new mark")
    idle = trial.pass_time(0)
    assert idle == {"demo": 0.0, "api": 600.0, "gpu": 600.0, "login": 600.0, "task": 600.0}
    assert trial.pass_time(60)["demo"] == 60.0, "the same mark is the same question"


@pytest.mark.parametrize(
    ("kind", "signs"),
    [
        ("api", replace(NOBODY, api="another")),
        ("gpu", replace(NOBODY, gpu=97)),
        ("login", replace(NOBODY, login=1)),
        ("task", replace(NOBODY, task=True)),
    ],
)
def test_what_goes_on_is_use(trial: Trial, kind: str, signs: Signs) -> None:
    trial.pass_time(600)
    trial.signs = signs
    assert trial.pass_time(0)[kind] == 0.0


@pytest.mark.parametrize(
    "signs",
    [
        replace(NOBODY, gpu=97, probing=True),
        replace(NOBODY, gpu=97, probe="asked since the last look"),
        replace(NOBODY, gpu=97, loading=True),
        replace(NOBODY, gpu=5),
    ],
)
def test_the_cards_work_for_the_machines_own_question_is_no_use(trial: Trial, signs: Signs) -> None:
    trial.pass_time(600)
    trial.signs = signs
    assert trial.pass_time(0)["gpu"] == 600.0


def test_a_card_that_nobody_can_ask_is_not_taken_for_idle(trial: Trial) -> None:
    trial.pass_time(600)
    trial.signs = replace(NOBODY, gpu=None)
    assert trial.pass_time(60)["gpu"] is None
    assert (told(trial.machine.root) or {})["unknown"] == ["gpu"]


def test_only_time_that_was_seen_makes_idle(trial: Trial) -> None:
    trial.pass_time(600)
    trial.clock.seconds += 86_400  # the process slept, or the clock is another machine's
    assert trial.pass_time(0)["demo"] == 600.0 + use.MOST_STEP_SECONDS
    trial.clock.seconds -= 500_000
    assert trial.pass_time(0)["demo"] == 600.0 + use.MOST_STEP_SECONDS


def test_idleness_outlives_the_process_and_windows_but_not_the_machine(trial: Trial) -> None:
    trial.pass_time(600)
    trial.clock.seconds = 3.0  # a new start of Windows
    trial.begin()
    assert trial.pass_time(60)["demo"] == pytest.approx(660.0, abs=use.WRITE_SECONDS)
    trial.begin()
    assert trial.pass_time(0, machine=None)["demo"] > 500, "who it is may not be known yet"
    assert trial.pass_time(0, machine="ins-2")["demo"] == 0.0, "the disk was restored from an image"
    trial.begin()
    assert trial.pass_time(30, machine="ins-2")["demo"] == 30.0


def test_the_time_of_an_installation_is_no_idleness(trial: Trial) -> None:
    trial.signs = replace(NOBODY, installing=True)
    assert set(trial.pass_time(7200).values()) == {0.0}
    trial.signs = NOBODY
    assert set(trial.pass_time(60).values()) == {60.0}


def test_a_question_while_nobody_looked_is_seen_afterwards(trial: Trial) -> None:
    trial.pass_time(600)
    trial.signs = replace(NOBODY, demo="asked while the guard was down")
    trial.begin()
    assert trial.pass_time(0)["demo"] == 0.0


@pytest.mark.parametrize("text", ["", "\0\0\0", "{}", '{"schema": 9}', '{"idleSeconds": 3, "marks": []}'])
def test_a_damaged_document_begins_anew(trial: Trial, text: str) -> None:
    use_file(trial.machine.root).write_text(text, encoding="utf-8")
    trial.begin()
    assert trial.pass_time(60)["demo"] == 60.0


def test_a_look_reads_marks_tasks_and_sessions(installed: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    before = see(installed)
    note_question(installed.root, "demo")
    asked = see(installed)
    assert (asked.demo != before.demo, asked.api == before.api, asked.gpu) == (True, True, 0)
    note_question(installed.root, "api")
    assert see(installed).demo == asked.demo
    with gpu_task.claimed(installed, kind="train", run="r1"):
        assert see(installed).task
    sessions = installed.root / "sessions.json"
    write_json(sessions, {"sessions": 2})
    monkeypatch.setenv("CHATGLM_REHEARSAL_SESSIONS", str(sessions))
    assert see(installed).login == 2


def test_a_probe_that_died_while_asking_asks_no_more(installed: Machine) -> None:
    gone = Identity(999_999_999, "gone").as_dict()
    write_json(probing_file(installed.root), {"mark": "m", "asking": True, "process": gone})
    assert not see(installed).probing
    alive = {"mark": "m", "asking": True, "process": Identity.of(1).as_dict()}
    write_json(probing_file(installed.root), alive)
    assert see(installed).probing
    assert read_json(probing_file(installed.root)) == alive
