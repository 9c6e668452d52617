"""Scenarios of the machine's entry, `chatglm.ps1`: one JSON document to every call, and nothing lost by a wrong one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from tests.windows.expect import ROOT, is_waiting, nothing_wrong, waiting
from tests.windows.scenario import Play, Yard


def scenarios() -> Iterator[tuple[str, Play]]:
    yield "verbs before Python", _verbs_before_python
    yield "verbs of a ready machine", _verbs_when_ready
    yield "verbs while Python does not start", _verbs_without_a_python_that_starts
    yield "verbs over damaged files", _verbs_over_damaged_files
    yield "uploads that are repeated, or have a gap", _uploads
    for name, content in {"empty": b"", "foreign": b"PK\3\4 not ours", "cut": b""}.items():
        yield f"second stage: {name}", _wrong_second_stage(name, content)


def _verbs_before_python(yard: Yard) -> None:
    trial = yard.fresh()
    trial.boot()
    trial.wait(until=is_waiting, push=False)
    assert trial.verb("status").document["waitsFor"]
    assert trial.verb("log").document["lines"]
    for verb, ask in (("nonsense", {}), ("train", {}), ("receive", {"name": "..\\x", "offset": 0})):
        answer = trial.verb(verb, ask)
        assert (answer.exit_code, bool(answer.document["error"]["message"])) == (1, True), answer
    answer = trial.machine.verb("status", "this is no JSON")
    assert (answer.exit_code, bool(answer.document["error"]["message"])) == (1, True), answer
    trial.until_ready()
    nothing_wrong(trial)


def _verbs_when_ready(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    assert trial.verb("status").document["phase"] == "ready"
    assert trial.verb("log", {"step": "bootstrap"}).document["lines"]
    assert trial.verb("doctor").document["ok"] is True
    for verb in ("nonsense", "resume"):
        answer = trial.verb(verb)
        assert (answer.exit_code, bool(answer.document["error"]["message"])) == (1, True), answer
    assert trial.verb("stop").exit_code == 0
    assert trial.answers() == 0
    assert trial.verb("serve").exit_code == 0
    nothing_wrong(trial)


def _wrong_second_stage(name: str, content: bytes) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.boot()
        trial.wait(until=is_waiting, push=False)
        trial.push(trial.rendered.second_stage[:-100] if name == "cut" else content)
        trial.wait(push=False, until=lambda status: "broken" in (status.get("waitsFor") or ""))
        trial.push()
        status = trial.wait(push=False)
        assert status.get("phase") == "ready", trial.explain(status)
        nothing_wrong(trial)

    return play


def _verbs_without_a_python_that_starts(yard: Yard) -> None:
    trial = yard.installed()
    trial.install()
    trial.machine.order({"python": {"code": 103, "says": "No Python at 'C:\\miniconda3\\python.exe'"}})
    assert trial.verb("status").document["phase"] == "ready"
    assert trial.verb("log", {"step": "bootstrap"}).document["step"] == "bootstrap"
    answer = trial.verb("doctor")
    assert (answer.exit_code, answer.document["error"]["id"]) == (1, "python.broken"), answer
    assert answer.document["error"]["hint"], answer
    trial.machine.order({})
    assert trial.verb("doctor").document["ok"] is True


def _verbs_over_damaged_files(yard: Yard) -> None:
    """A status that is being written, a manifest of nothing: one document each, and the next try works."""
    trial = yard.installed()
    trial.install()
    status, manifests = trial.machine.place(f"{ROOT}\\state\\status.json"), (
        trial.machine.place(f"{ROOT}\\manifest.json"), trial.machine.place(f"{ROOT}\\state\\manifest.json"),
    )  # fmt: skip
    for damaged in (status, *manifests):
        whole = damaged.read_bytes()
        for content in (b"", b"\0" * len(whole), whole[: len(whole) // 2]):
            damaged.write_bytes(content)
            answer = trial.verb("status")
            assert "schema" in answer.document or answer.document["error"]["hint"], answer
        damaged.write_bytes(whole)
    answer = trial.verb("status")
    assert (answer.exit_code, answer.document["phase"]) == (0, "ready"), answer
    nothing_wrong(trial)


def _uploads(yard: Yard) -> None:
    trial = yard.fresh()
    waiting(trial)
    whole = {"name": "a", "sha256": hashlib.sha256(b"first").hexdigest()}
    assert trial.verb("receive", {"name": "a", "offset": 0}, b"Zmlyc3Q=\r\n").document["bytes"] == 5
    beyond = trial.verb("receive", {"name": "a", "offset": 9}, b"Zmlyc3Q=\r\n")
    assert (beyond.exit_code, beyond.document["error"]["id"]) == (1, "receive.offset"), beyond
    assert beyond.document["error"]["hint"], beyond
    assert trial.verb("receive", {"name": "a"}, b"").document["bytes"] == 5
    for _ in range(2):
        # The answer to the first of them may have been lost.
        assert trial.verb("receive", whole, b"").document == {"name": "a", "bytes": 5}
    garbage = trial.verb("receive", {"name": "b", "offset": 0}, b"!\r\n")
    assert garbage.document["error"]["id"] == "receive.base64", garbage
    damaged = trial.verb("receive", {"name": "b", "offset": 0, "sha256": "0" * 64}, b"Zmlyc3Q=\r\n")
    assert (damaged.exit_code, damaged.document["error"]["id"]) == (1, "receive.damaged"), damaged
    trial.machine.place(f"{ROOT}\\inbox\\a").unlink()
    trial.until_ready()
    nothing_wrong(trial)
