"""Scenarios of servers that are down, slow, wrong or silent, and of room for what they give."""

from __future__ import annotations

from collections.abc import Iterator

from localcloud.windows.world.internet import Behaviour
from tests.windows.expect import (
    ends_ready,
    error_of,
    is_told,
    nothing_wrong,
    waits_ready_again,
)
from tests.windows.scenario import Play, Yard

_BEHAVIOURS: dict[str, tuple[str, Behaviour]] = {
    "the first model source is down": ("hf-mirror", Behaviour(status=503)),
    "the first model source has nothing": ("hf-mirror", Behaviour(status=404)),
    "the first model source refuses connections": ("hf-mirror", Behaviour(refuses=True)),
    "the model's connections break": (r"0000\d-of", Behaviour(cut=20_000, times=12)),
    "a model source gives wrong bytes": ("hf-mirror", Behaviour(body=b"x" * 64_000)),
    "a model source gives pages": ("hf-mirror", Behaviour(body=b"<html>log in</html>")),
    "a model source ignores ranges": ("hf-mirror", Behaviour(ignores_range=True, cut=30_000, times=6)),
    "a model source tells no length": ("hf-mirror", Behaviour(no_length=True)),
    "the first Python mirror is down": ("tuna.tsinghua", Behaviour(status=503)),
    "the first Python mirror gives a page": ("tuna.tsinghua.*Miniconda", Behaviour(body=b"<html></html>")),
    "Miniconda comes too long once": ("Miniconda", Behaviour(body=b"MZ" * 60_000, times=1)),
    "the first driver source gives a page": ("cn.download.nvidia", Behaviour(body=b"<html>" + b"x" * 60_000)),
    "the first driver source is unsigned": ("cn.download.nvidia", Behaviour(body=b"MZ" + b"x" * 60_000)),
    "the first source archive is another commit": ("codeload", Behaviour(body=b"PK\5\6" + b"\0" * 18 + b"x" * 30_000)),
    "GitHub is down": ("codeload|github.com/THUDM", Behaviour(status=503)),
    "the first torch mirror is slow": ("aliyun.*torch", Behaviour(rate=3_000, times=1)),
    "the first package index is down": ("tuna.tsinghua.edu.cn/simple", Behaviour(status=503)),
    "the first package index hangs": ("tuna.tsinghua.edu.cn/simple", Behaviour(hang=30)),
    "metadata is silent": ("metadata.tencentyun.com.*instance-id", Behaviour(refuses=True)),
}


def scenarios() -> Iterator[tuple[str, Play]]:
    for name, (pattern, behaviour) in _BEHAVIOURS.items():
        yield name, _in_spite_of(pattern, behaviour)
    yield "the model cannot be had", _model_cannot_be_had
    yield "no Python mirror gives anything", _no_python_mirror
    yield "CUDA cannot be had while the model comes slowly", _told_at_once
    yield "there is no room for a while", _no_room


def _in_spite_of(pattern: str, behaviour: Behaviour) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.internet.let(pattern, behaviour)
        ends_ready(trial)

    return play


def _model_cannot_be_had(yard: Yard) -> None:
    trial = yard.fresh()
    trial.internet.let("hf-mirror|huggingface|tsinghua.edu.cn/d/|modelscope", Behaviour(status=404))
    trial.boot()
    status = trial.wait(seconds=600)
    assert status.get("phase") == "failed", trial.explain(status)
    is_told(trial, status, "model")
    trial.internet.behave()
    trial.verb("retry")
    waits_ready_again(trial)


def _no_python_mirror(yard: Yard) -> None:
    trial = yard.fresh()
    trial.internet.let("Miniconda", Behaviour(status=503))
    trial.boot()
    status = trial.wait(until=lambda told: bool(error_of(told, "python")))
    asked = sum("Miniconda" in one.url for one in trial.internet.asked)
    assert asked <= 9, f"{asked} requests before the first word"
    assert "hint" in error_of(status, "python"), error_of(status, "python")
    trial.internet.behave()
    trial.until_ready()
    nothing_wrong(trial)


def _told_at_once(yard: Yard) -> None:
    trial = yard.fresh()
    trial.internet.let("cuda_11.8", Behaviour(status=404))
    trial.internet.let(r"pytorch_model-0000[1-7]", Behaviour(rate=500))
    trial.boot()
    status = trial.wait(until=lambda told: bool(error_of(told, "cuda")))
    model = next(one for one in status["steps"] if one["name"] == "model")
    assert model["state"] != "done", "it was told when all others had ended"
    trial.internet.behave()
    trial.verb("retry", {"force": True})
    waits_ready_again(trial)


def _no_room(yard: Yard) -> None:
    """Less than what is kept free for Windows: it says so, and goes on when somebody makes room."""
    trial = yard.fresh()
    trial.machine.set("disk-free", str(7_500_000_000))
    trial.boot()
    status = trial.wait(until=lambda told: told.get("messageId") == "download.waits")
    assert "waits for room on the disk" in status["message"], status["message"]
    trial.machine.set("disk-free", None)
    trial.until_ready()
    nothing_wrong(trial)
