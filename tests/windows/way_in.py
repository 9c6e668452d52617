"""Scenarios of the way to the machine: what keeps it closed, and what is told through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from localcloud.windows.world.internet import Behaviour
from tests.windows.expect import (
    ROOT,
    error_of,
    nothing_wrong,
    waiting,
)
from tests.windows.scenario import Play, Yard


def scenarios() -> Iterator[tuple[str, Play]]:
    yield "the firewall's service is off", _firewall_is_off
    yield "WinRM makes no listener for a while", _listener_comes_late
    yield "a dead installation is seen and started again", _dead_installation
    yield "Windows' own words arrive", _words_arrive
    yield "an error shows its own log", _fresh_log


def _base(status: dict[str, Any]) -> dict[str, Any]:
    step: dict[str, Any] = next(one for one in status["steps"] if one["name"] == "base")
    return step


def _firewall_is_off(yard: Yard) -> None:
    trial = yard.fresh()
    trial.machine.order({name: {"says": "服务尚未启动。"} for name in ("New-NetFirewallRule", "Get-NetFirewallRule")})
    base = _base(waiting(trial))
    # Windows' own words, in a log that 5.1 would read in code page 936.
    assert "服务尚未启动" in "".join(trial.verb("log").document["lines"])
    assert [one["id"] for one in base["warnings"]] == ["base.firewall"], base
    assert "服务尚未启动" in base["warnings"][0]["message"], base
    assert base["state"] == "done", base


def _listener_comes_late(yard: Yard) -> None:
    trial = yard.fresh()
    trial.machine.order({"listener": {"says": "the listener cannot be made", "times": 1}})
    base = _base(waiting(trial))
    assert (base["state"], base["error"]["id"]) == ("failed", "base.listener"), base
    assert trial.internet.fetched("torch-2.0.1") >= 0
    trial.wait(until=lambda status: _base(status)["state"] == "done", push=False)
    trial.until_ready()
    nothing_wrong(trial)


def _dead_installation(yard: Yard) -> None:
    trial = yard.fresh()
    trial.boot()
    trial.wait(until=lambda status: status.get("step") == "cuda")
    assert trial.verb("status").document["heartbeat"]["stale"] is False
    trial.machine.run(["powershell.exe", "-Command", "Stop-ScheduledTask -TaskName 'ChatGLM bootstrap'"])
    heartbeat = trial.verb("status").document["heartbeat"]
    assert heartbeat["stale"] is True, heartbeat
    assert heartbeat["seconds"] < 600, heartbeat
    assert trial.verb("retry", {"force": True}).document["started"] is True
    trial.until_ready()
    nothing_wrong(trial)


def _words_arrive(yard: Yard) -> None:
    trial = yard.fresh()
    # The installer writes them in code page 936.
    trial.machine.order({"cuda.exe": {"code": 5, "times": 1}})
    trial.boot()
    status = trial.wait(until=lambda told: bool(error_of(told, "cuda")))
    assert "约束阻止安装" in error_of(status, "cuda")["logTail"], error_of(status, "cuda")


def _fresh_log(yard: Yard) -> None:
    trial = yard.installed()
    log = trial.machine.place(f"{ROOT}\\logs\\cuda.log")
    log.write_text("words of an earlier try\n", encoding="utf-8")
    trial.machine.place(f"{ROOT}\\state\\done\\cuda").write_text("00000000", encoding="ascii")
    trial.internet.let("cuda_11.8", Behaviour(status=404))
    trial.boot()
    status = trial.wait(until=lambda told: bool(error_of(told, "cuda")))
    assert "earlier try" not in error_of(status, "cuda")["logTail"], error_of(status, "cuda")
