"""Scenarios of whole lives: installed, booted again, and two installations at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from localcloud.windows.world.internet import Behaviour
from tests.windows.expect import (
    ROOT,
    ends_ready,
    nothing_wrong,
)
from tests.windows.scenario import Play, Yard
from tests.windows.trial import Trial


def scenarios() -> Iterator[tuple[str, Play]]:
    yield from _lives()
    yield from _two_at_once()


# Lives


def _lives() -> Iterator[tuple[str, Play]]:
    yield "first life", lambda yard: ends_ready(yard.fresh())
    yield "minimal toolkit", lambda yard: ends_ready(yard.fresh(gpu_toolkit="minimal"))
    yield "a long log is begun anew", _long_log
    yield "second boot", lambda yard: _reboots(yard.installed())
    yield "three boots", _boots_thrice
    yield "small files come when nothing is wanted", _brings_what_nobody_wants
    yield "whole internet may come", lambda yard: ends_ready(yard.fresh(cidrs=("0.0.0.0/0", "203.0.113.7/32")))
    yield "own address may come", lambda yard: ends_ready(yard.fresh(cidrs=("MY_PUBLIC_IP",)))
    yield "second stage from an address", _fetches_second_stage


def _reboots(trial: Trial) -> None:
    ends_ready(trial)
    assert trial.machine.journal("install") == [], "a finished machine installs again"
    started = [entry["detail"] for entry in trial.machine.journal("start")]
    assert not any("icacls" in line for line in started), "the rights of all files are set again"


def _long_log(yard: Yard) -> None:
    trial = yard.installed()
    log = trial.machine.place(f"{ROOT}\\logs\\bootstrap.log")
    log.write_bytes(b"a line of an earlier start\r\n" * 50_000)
    trial.install()
    assert log.stat().st_size < 100_000, log.stat().st_size
    assert log.with_name("bootstrap-old.log").stat().st_size > 1_000_000
    nothing_wrong(trial)


def _boots_thrice(yard: Yard) -> None:
    trial = yard.installed()
    for _ in range(3):
        _reboots(trial)
        trial.kill()


def _brings_what_nobody_wants(yard: Yard) -> None:
    """No downloader runs that would take the model's small files in."""
    trial = yard.fresh()
    trial.install()
    trial.kill()
    came = trial.machine.place("C:\\chatglm\\inbox\\model-files.zip")
    came.parent.mkdir(exist_ok=True)
    came.write_bytes(b"zip")
    _reboots(trial)


def _fetches_second_stage(yard: Yard) -> None:
    trial = yard.fresh(package_url="https://example.com/stage2.zip")
    trial.internet.extra["https://example.com/stage2.zip"] = trial.rendered.second_stage
    trial.boot()
    status = trial.wait(push=False)
    assert status.get("phase") == "ready", trial.explain(status)
    nothing_wrong(trial)


# Two at once


def _two_at_once() -> Iterator[tuple[str, Play]]:
    yield "retry while it installs", _retry_while_installing
    yield "a second bootstrap by hand", _second_bootstrap
    yield "user data on a disk that installs", _user_data_while_installing
    yield "restarted while it downloads", _restarted_while_downloading


def _retry_while_installing(yard: Yard) -> None:
    trial = yard.fresh()
    trial.boot()
    trial.wait(until=lambda status: status.get("step") in {"torch", "packages"})
    assert trial.verb("retry").document["started"] is False
    trial.until_ready()
    nothing_wrong(trial)


def _second_bootstrap(yard: Yard) -> None:
    trial = yard.fresh()
    trial.boot()
    trial.wait(until=lambda status: status.get("step") == "driver")
    trial.verb("retry", {"force": True})
    trial.until_ready()
    nothing_wrong(trial)


def _user_data_while_installing(yard: Yard) -> None:
    """A disk whose image was taken in mid-installation: its task starts at once, user data comes in a moment."""
    trial = yard.fresh()
    trial.boot()
    trial.wait(until=lambda status: status.get("step") in {"cuda", "torch"})
    with closing(trial.restore("ins-2", password="another-passw0rd")) as other:
        ends_ready(other)


def _restarted_while_downloading(yard: Yard) -> None:
    trial = yard.fresh()
    trial.internet.let(r"0000\d-of", Behaviour(rate=20_000, times=8))
    trial.boot()
    trial.wait(until=lambda status: status.get("step") == "driver")
    trial.restart()
    trial.until_ready()
    nothing_wrong(trial)
