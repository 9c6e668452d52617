"""Scenarios of Windows' own conditions: services, names, clock, disk."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from tests.windows.expect import (
    ends_ready,
    nothing_wrong,
    waits_ready_again,
)
from tests.windows.scenario import Order, Play, Yard


def scenarios() -> Iterator[tuple[str, Play]]:
    orders: dict[str, Order] = {
        "Defender is absent": {"Add-MpPreference": {"absent": True}, "Remove-MpPreference": {"absent": True}},
        "WinRM refuses while a network is Public": {"winrm-refuses-public": {}},
        "no network has a profile": {"no-network-profile": {}, "winrm-refuses-public": {}},
        "the listener is not made once": {"listener-silent": {"times": 1}},
        "the listener fails once": {"listener": {"says": "The listener cannot be made.", "times": 1}},
        "curl is old": {"old-curl": {}},
        "renames are refused for a moment": {"rename": {"times": 3, "match": "chatglm-6b"}},
        "tasks stop late": {"task-stops-late": {"seconds": 2}},
        "tasks start late": {"task-starts-late": {"seconds": 3}},
        "the registry refuses once": {"registry": {"says": "Requested registry access is not allowed.", "times": 1}},
        "WMI is not up at first": {"Get-CimInstance": {"says": "Provider load failure", "times": 2}},
        "the firewall's rule fails once": {"New-NetFirewallRule": {"says": "Access is denied.", "times": 1}},
    }
    for name, order in orders.items():
        yield name, _with(order)
    yield "Defender is off", _with_service("WinDefend")
    yield "the firewall is off", _with_service("MpsSvc")
    yield "names cannot be looked up at first", _names_come_late
    yield "the clock jumps eight hours", _clock_jumps
    yield "the disk is full for the model", _disk_is_full("chatglm-6b")
    yield "the disk is full for the status", _disk_is_full("state.status")


def _with(order: Order) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.machine.order(order)
        ends_ready(trial)

    return play


def _with_service(name: str) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.machine.state.mkdir(exist_ok=True)
        (trial.machine.state / "services.json").write_text(json.dumps({name: {"Status": "Stopped"}}), encoding="utf-8")
        ends_ready(trial)

    return play


def _names_come_late(yard: Yard) -> None:
    trial = yard.fresh()
    trial.machine.set("no-names", "")
    trial.boot()
    trial.wait(until=lambda status: status.get("secondStage") is not None)
    trial.machine.set("no-names", None)
    trial.until_ready()
    nothing_wrong(trial)


def _clock_jumps(yard: Yard) -> None:
    trial = yard.fresh()
    trial.boot()
    trial.wait(until=lambda status: status.get("step") == "python")
    trial.machine.set("clock", str(8 * 3600))
    trial.until_ready()
    nothing_wrong(trial)


def _disk_is_full(pattern: str) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.boot()
        trial.wait(until=lambda status: status.get("step") == "driver")
        trial.machine.set("disk-full", pattern)
        time.sleep(4)
        trial.machine.set("disk-full", None)
        status = trial.wait()
        if status.get("phase") == "failed":
            trial.verb("retry")
            waits_ready_again(trial)
        else:
            nothing_wrong(trial)

    return play
