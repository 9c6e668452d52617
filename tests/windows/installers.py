"""Scenarios of installers and of Python: what fails once is mended, what fails for ever is told."""

from __future__ import annotations

from collections.abc import Iterator

from tests.windows.expect import (
    ends_ready,
    is_told,
    waits_ready_again,
)
from tests.windows.scenario import Order, Play, Yard

#: Each fails once; the next try of the same installation mends it.
_ONCE: dict[str, Order] = {
    "Miniconda ends with an error": {"miniconda.exe": {"code": 2, "times": 1}},
    "Miniconda leaves half": {"miniconda.exe": {"half": True, "times": 1}},
    "venv is refused": {"venv": {"code": 1, "times": 1}},
    "icacls is refused": {"icacls": {"code": 5, "times": 1}},
    "CUDA is blocked": {"cuda.exe": {"code": -522190823, "times": 1}},
    "CUDA says an error and is there": {"cuda.exe": {"code": 1, "times": 1, "installs": True}},
    "cuDNN does not unpack": {"tar": {"code": 1, "times": 1, "match": "cudnn"}},
    "second stage does not unpack": {"tar": {"code": 1, "times": 1, "match": "stage"}},
    "pip fails for torch": {"pip": {"code": 1, "times": 1, "match": "torch"}},
    "pip fails for the packages": {"pip": {"code": 1, "times": 1, "match": "requirements"}},
    "the driver wants a restart": {"driver.exe": {"restarts": 1, "times": 1}},
    "the driver wants two restarts": {"driver.exe": {"restarts": 2, "times": 1}},
    "the driver wakes late": {"driver.exe": {"restarts": 1, "wakes-after": 8, "times": 1}},
    "the driver says an error and is there": {"driver.exe": {"code": 7, "installs": True, "times": 1}},
    # Its limit is two minutes, of real time.
    "nvidia-smi hangs once": {"nvidia-smi": {"sleep": 3600, "times": 1}},
    "nvidia-smi answers at the third question": {"nvidia-smi": {"code": 9, "times": 2}},
    "the source does not unpack": {"python-runs": {"code": 1, "times": 1, "match": "guest.source"}},
    "the downloader dies": {"python-runs": {"code": 1, "times": 1, "match": "guest.download"}},
    "the check fails once": {"python-runs": {"code": 1, "times": 1, "match": "guest doctor"}},
    "Python does not start once": {"python": {"code": 1, "times": 1, "match": "import ssl"}},
}
#: Each fails for ever: the machine says so, in words; what is mended is found by the verb retry.
_FOR_EVER: dict[str, tuple[str, Order]] = {
    "Miniconda never installs": ("python", {"miniconda.exe": {"code": 2}}),
    "CUDA never installs": ("cuda", {"cuda.exe": {"code": -522190823}}),
    "the driver never comes up": ("driver", {"nvidia-smi": {"code": 9}}),
    "there is no card": ("driver", {"no-card": {}}),
    "torch never installs": ("torch", {"pip": {"code": 1, "match": "torch"}}),
    "the packages never install": ("packages", {"pip": {"code": 1, "match": "requirements"}}),
    "the check never passes": ("check", {"python-runs": {"code": 1, "match": "guest doctor"}}),
}


def scenarios() -> Iterator[tuple[str, Play]]:
    for name, order in _ONCE.items():
        yield name, _mends_itself(order)
    for name, (step, order) in _FOR_EVER.items():
        yield name, _says_so(step, order)


def _mends_itself(order: Order) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.machine.order(order)
        ends_ready(trial)
        assert trial.restarts > 0 or trial.machine.journal("fault"), "the ordered fault was never met"

    return play


def _says_so(step: str, order: Order) -> Play:
    def play(yard: Yard) -> None:
        trial = yard.fresh()
        trial.machine.order(order)
        trial.boot()
        status = trial.wait()
        assert status.get("phase") == "failed", trial.explain(status)
        is_told(trial, status, step)
        trial.machine.order({})
        answer = trial.verb("retry")
        assert answer.document["started"] is True, answer.document
        waits_ready_again(trial)

    return play
