"""What `make up` prepares: a stack that an interrupted try left half made, a lock that a killed engine left behind."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from tools import rehearsal


class Engine:
    """Answers as pulumi would, and remembers what it was asked."""

    def __init__(self, stacks: list[str], config: dict[str, dict[str, object]]) -> None:
        self.asked: list[str] = []
        self._answers = {
            "stack ls": json.dumps([{"name": name} for name in stacks]),
            "config --json": json.dumps(config),
        }

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        self.asked.append(" ".join(arguments[:3]) + (" <secret" if stdin else ""))
        return next((text for start, text in self._answers.items() if " ".join(arguments).startswith(start)), "")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: chatglm\nstackConfigDir: stacks\n", encoding="utf-8")
    monkeypatch.setattr(rehearsal, "ROOT", tmp_path)
    monkeypatch.setattr(rehearsal, "LOCAL", tmp_path / ".local")
    return tmp_path


def prepare(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> list[str]:
    monkeypatch.setattr(rehearsal, "pulumi", engine)
    rehearsal.prepare_stack()
    return engine.asked


@pytest.mark.usefixtures("here")
def test_a_new_stack_gets_its_settings_and_last_of_all_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = prepare(monkeypatch, Engine([], {}))
    assert asked[1] == "stack init local"
    assert asked[-1].endswith("<secret")


@pytest.mark.usefixtures("here")
def test_a_stack_that_was_left_half_made_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = {"chatglm:adminPassword": {"value": "", "secret": False}}  # as Pulumi.yaml declares it
    asked = prepare(monkeypatch, Engine(["local"], declared))
    assert "stack init local" not in asked
    assert asked[-1].endswith("<secret")


@pytest.mark.usefixtures("here")
def test_a_whole_stack_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = prepare(monkeypatch, Engine(["local"], {"chatglm:adminPassword": {"value": "x", "secret": True}}))
    assert [one for one in asked if not one.startswith(("stack ls", "config --json"))] == []


def test_the_file_of_an_earlier_version_is_moved_to_its_place(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "Pulumi.local.yaml").write_text("encryptionsalt: v1\n", encoding="utf-8")
    prepare(monkeypatch, Engine(["local"], {"chatglm:adminPassword": {"secret": True}}))
    assert (here / "stacks" / "Pulumi.local.yaml").read_text(encoding="utf-8") == "encryptionsalt: v1\n"


@pytest.mark.parametrize(
    ("pid", "host", "freed"),
    [
        (2**22 - 1, socket.gethostname(), True),
        (os.getpid(), socket.gethostname(), False),
        (2**22 - 1, "elsewhere", False),
    ],
    ids=["gone", "living", "on another computer"],
)
def test_only_the_lock_of_a_process_that_is_gone_is_taken_away(
    here: Path, monkeypatch: pytest.MonkeyPatch, pid: int, host: str, freed: bool
) -> None:
    folder = here / ".local" / "state" / ".pulumi" / "locks" / "organization" / "chatglm" / "local"
    folder.mkdir(parents=True)
    lock = {"pid": pid, "username": "me", "hostname": host, "timestamp": "2026-01-02T03:04:05Z"}
    (folder / "x.json").write_text(json.dumps(lock), encoding="utf-8")
    engine = Engine(["local"], {})
    monkeypatch.setattr(rehearsal, "pulumi", engine)
    rehearsal.free_stack()
    assert engine.asked == (["cancel --yes --stack"] if freed else [])
