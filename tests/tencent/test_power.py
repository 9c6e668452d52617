"""The switch of a machine: passing states are waited for, a machine that is off is started, what hangs is named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tencent.errors import CloudError
from tencent.facts import Instance
from tencent.power import Power, PowerError


class Account:
    """A machine that is in one state after another; the last one stays."""

    def __init__(self, *states: str, refusal: str = "") -> None:
        self.states = list(states)
        self.refusal = refusal
        self.calls: list[str] = []

    def instance(self, name: str) -> Instance | None:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return Instance(name, state, "zone", "img-1", "", datetime.now(UTC)) if state != "gone" else None

    def start(self, name: str) -> None:
        self.calls.append(name)
        if self.refusal:
            raise CloudError("StartInstances", self.refusal, "no")


@pytest.fixture
def log() -> list[str]:
    return []


def power(account: Any, log: list[str]) -> Power:
    minutes: Iterator[float] = iter(range(0, 6000, 60))
    return Power(account, log.append, 0, clock=lambda: next(minutes), sleep=lambda _: None)


@pytest.mark.parametrize("state", ["PENDING", "STARTING", "STOPPING", "REBOOTING"])
def test_a_passing_state_is_waited_for_and_said_once(state: str, log: list[str]) -> None:
    account = Account(state, state, "RUNNING")
    power(account, log).bring_up("ins-1")
    assert log == [f"ins-1 is {state}; waiting until that is over."]
    assert account.calls == []


def test_a_machine_that_is_off_is_started(log: list[str]) -> None:
    account = Account("STOPPING", "STOPPED", "STARTING", "RUNNING")
    power(account, log).bring_up("ins-1")
    assert account.calls == ["ins-1"]
    assert "ins-1 is shut down, which costs as much as running: starting it." in log


@pytest.mark.parametrize("state", ["RUNNING", "gone", "SHUTDOWN", "TERMINATING"])
def test_any_other_is_left_alone(state: str, log: list[str]) -> None:
    account = Account(state)
    power(account, log).bring_up("ins-1")
    assert (account.calls, log) == ([], [])


def test_a_refused_start_is_told_with_the_reason_and_what_saves_the_money(log: list[str]) -> None:
    account = Account("STOPPED", refusal="ResourceInsufficient.SpecifiedInstanceType")
    with pytest.raises(PowerError, match=r"could not be started. The GPU type has no stock .* park it"):
        power(account, log).bring_up("ins-1")


def test_a_state_that_lasts_too_long_is_named_as_stuck(log: list[str]) -> None:
    with pytest.raises(PowerError, match=r"ins-1 has been STOPPING for over 15 minutes, .* it is stuck"):
        power(Account("STOPPING"), log).settle("ins-1")


def test_a_machine_that_goes_off_again_is_told(log: list[str]) -> None:
    with pytest.raises(PowerError, match="was started and is shut down again"):
        power(Account("STOPPED", "STARTING", "STOPPED"), log).bring_up("ins-1")
