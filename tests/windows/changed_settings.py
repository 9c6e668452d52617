"""Scenarios of settings that change: of a restored disk, and of a living machine."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.windows.expect import (
    ROOT,
    configure,
    demo_of,
    ends_ready,
    hand_over,
    nothing_wrong,
    waits_ready_again,
)
from tests.windows.scenario import Play, Yard


def scenarios() -> Iterator[tuple[str, Play]]:
    yield from _restores()
    yield from _settings()


# Restores


def _restores() -> Iterator[tuple[str, Play]]:
    changes: dict[str, dict[str, Any]] = {
        "nothing": {},
        "password": {"password": "another-passw0rd"},
        "port": {"port": 7861},
        "precision": {"precision": "int8"},
        "toolkit": {"gpu_toolkit": "minimal"},
        "driver version": {"driver_version": "538.15"},
        "Miniconda version": {"miniconda_version": "py310_24.3.0-0"},
        "page file": {"page_file_gb": 5},
        "package mirrors": {"package_mirrors": ("https://mirrors.cloud.tencent.com/pypi/simple",)},
        "prefix length": {"pre_seq_len": 64},
        "networks": {"cidrs": ("198.51.100.0/24",)},
        "password, of every printable sign": {"password": "".join(map(chr, range(33, 127)))},
        "source commit": {"source_commit": "0" * 39 + "1"},
        "model revision": {"model_revision": "942945df047dee66f653c68ae0e56655045f1741"},
    }
    for name, change in changes.items():
        yield f"restored with another {name}", _restored(change)


def _restored(change: dict[str, Any]) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.installed("ins-2", **change)
        ends_ready(trial)
        assert trial.machine.status().get("machine") == "ins-2", "the status is another machine's"
        told = json.loads(trial.machine.place(f"{ROOT}\\manifest.json").read_bytes())["settings"]
        wanted = trial.rendered.manifest["settings"]
        assert told == wanted, {name: (told[name], wanted[name]) for name in wanted if told[name] != wanted[name]}
        assert trial.internet.fetched("pytorch_model") == 0, "the model was fetched again"

    return play


# Settings of a living machine


def _settings() -> Iterator[tuple[str, Play]]:
    yield "configured: port, password and networks", _configured
    yield "configured: only networks", _configured_networks
    yield "configured: nothing new", _configured_the_same
    yield "configured: a newer second stage", _configured_second_stage
    yield "configured: refused while a training runs", _configured_in_training
    yield "configured: no manifest", _configured_with_garbage
    yield "configured: upstream's ready int4 weights", _configured_ready_int4


def _configured(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    told = configure(trial, {"port": 7861, "password": "another-passw0rd", "cidrs": ("198.51.100.0/24",)})
    assert told["configured"] is True, told
    assert set(told["changed"]) == {"demoPort", "demoPasswordHash", "operatorCidrs"}, told
    assert told["steps"] == ["demo"], told
    waits_ready_again(trial)
    rules = [one for one in trial.machine.remembered("firewall").values() if one["Group"] == "ChatGLM"]
    assert {network for rule in rules for network in rule["RemoteAddress"]} == {"198.51.100.0/24"}, rules
    assert trial.machine.status()["manifest"] == hashlib.sha256(trial.rendered.manifest_text.encode()).hexdigest()
    # And so it stays over a start of the machine.
    trial.restart()
    trial.until_ready()
    nothing_wrong(trial)


def _configured_networks(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    before = demo_of(trial)["child"]
    assert configure(trial, {"cidrs": ("198.51.100.0/24",)})["steps"] == []
    waits_ready_again(trial)
    assert demo_of(trial)["child"] == before, "the demo was restarted for nothing"


def _configured_the_same(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    assert configure(trial, {})["configured"] is False
    assert trial.machine.status()["phase"] == "ready"
    nothing_wrong(trial)


def _configured_second_stage(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    newer = trial.rendered.second_stage + b"\0"
    manifest = json.loads(trial.rendered.manifest_text)
    manifest["secondStage"] = {"sha256": hashlib.sha256(newer).hexdigest(), "bytes": len(newer)}
    told = hand_over(trial, json.dumps(manifest).encode("ascii"))
    assert told["secondStage"] == manifest["secondStage"]["sha256"], told
    trial.wait(push=False, until=lambda status: manifest["secondStage"]["sha256"] in (status.get("waitsFor") or ""))
    trial.push(newer)
    waits_ready_again(trial)
    assert trial.machine.status()["secondStage"] == manifest["secondStage"]["sha256"]


def _configured_in_training(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    training = ["powershell.exe", "-Command", "Start-Sleep -Seconds 36000; 'guest.training.supervise'"]
    thread = threading.Thread(target=trial.machine.run, args=(training, None, 3600), daemon=True)
    thread.start()
    ends = time.monotonic() + 60
    while not any("guest.training.supervise" in line for line in trial.machine.lines()):
        assert time.monotonic() < ends, "the stand-in of a training does not start"
        time.sleep(0.1)
    before = trial.machine.place(f"{ROOT}\\manifest.json").read_bytes()
    told = configure(trial, {"driver_version": "538.15"})
    assert told["error"]["id"] == "configure.training", told
    assert trial.machine.place(f"{ROOT}\\manifest.json").read_bytes() == before


def _configured_ready_int4(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    told = configure(trial, {"model": "THUDM/chatglm-6b-int4", "precision": "int4"})
    assert told["steps"] == ["model", "demo"], told
    waits_ready_again(trial)
    model = trial.machine.place("C:\\chatglm-6b")
    assert {path.name for path in model.glob("pytorch_model*")} == {"pytorch_model.bin"}
    log = trial.machine.place(f"{ROOT}\\logs\\download.log").read_text(encoding="utf-8")
    assert "pytorch_model.bin: hf-mirror.com names the hash" in log, log
    fetched = trial.internet.fetched("pytorch_model.bin")
    # And so it stays over a start of the machine.
    trial.restart()
    trial.until_ready()
    nothing_wrong(trial)
    assert trial.internet.fetched("pytorch_model.bin") == fetched, "the weights were fetched again"


def _configured_with_garbage(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    before = trial.machine.place(f"{ROOT}\\manifest.json").read_bytes()
    newer = json.dumps(json.loads(before) | {"schema": 2}).encode("ascii")
    for bad in (b"", b"{}", b"[", b"\0" * 100, b'{"steps": 1}', newer):
        told = hand_over(trial, bad)
        assert told["error"]["id"] == "configure.form", told
        assert told["error"]["hint"], told
    assert trial.verb("configure", {"sha256": "0" * 64}).document["error"]["id"] == "configure.missing"
    assert trial.machine.place(f"{ROOT}\\manifest.json").read_bytes() == before
    assert configure(trial, {"port": 7861})["configured"] is True
    waits_ready_again(trial)
