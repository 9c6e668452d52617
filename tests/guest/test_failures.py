"""What is said about a failure."""

from __future__ import annotations

import pytest

from guest.failures import OUT_OF_MEMORY, explain, known
from guest.phrases import wire


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.02 GiB", OUT_OF_MEMORY.reason),
        ("RuntimeError: CUDA error: out of memory", OUT_OF_MEMORY.reason),
        ("RuntimeError: CUDA error: an illegal memory access was encountered", "reported an error"),
        ("OSError: [WinError 1455] The paging file is too small", "own memory"),
        ("OSError: [WinError 126] The specified module could not be found. Error loading c10.dll", "A library"),
        ("OSError: [WinError 127] The specified procedure could not be found", "A library"),
        ("RuntimeError: [enforce fail at inline_container.cc:471] . PytorchStreamWriter failed writing file", "full"),
        ("OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        ("_pickle.UnpicklingError: invalid load key, '<'.", "not what it should be"),
        ("_pickle.UnpicklingError: invalid load key, 'v'.", "not what it should be"),
        ("copying a param with shape torch.Size([128, 229376]) from checkpoint", "another length"),
        ("AssertionError: Torch not compiled with CUDA enabled", "build without CUDA"),
        ("ModuleNotFoundError: No module named 'transformers_modules.C:/chatglm-6b'", "cannot import"),
        ("ValueError: 130004 is not in list", "different versions"),
        ("ValueError: Some keys are not used by the HfArgumentParser: ['x']", "does not know one of the options"),
        ("OSError: [Errno 98] Address already in use", "has the port"),
    ],
)
def test_known_failures_are_named_with_what_to_try(line: str, reason: str) -> None:
    verdict = explain(["Traceback (most recent call last):", line], 1)
    assert reason in verdict.reason
    assert verdict.hint


def test_what_windows_cannot_promise_is_told_with_a_setting_that_exists() -> None:
    verdict = known("OSError: [WinError 1455] The paging file is too small")
    assert verdict is not None
    # components.bootstrap.settings: from 4 to 9, since more would crowd the disk.
    assert "chatglm:pageFileGb to 9" in verdict.hint


def test_the_person_s_own_texts_in_the_log_explain_nothing() -> None:
    printed = ["inputs CUDA out of memory 是什么意思 [WinError 1455]", "labels invalid load key"]
    traceback = ["Traceback (most recent call last):", '  File "main.py"', "KeyError: 'content'"]
    assert explain([*printed, *traceback], 1).reason.endswith("exit code 1: KeyError: 'content'")
    assert explain([*printed, "Killed"], -9).reason.endswith("exit code -9: Killed")
    quoted = ["inputs Traceback (most recent call last): CUDA out of memory"]
    assert explain([*quoted, *traceback], 1).reason.endswith("KeyError: 'content'")


def test_an_unknown_failure_shows_its_last_line() -> None:
    assert explain(["a", "KeyError: 'content'", "  "], 1).reason.endswith("exit code 1: KeyError: 'content'")
    assert "printed nothing" in explain([], -9).reason


def test_what_is_said_of_a_failure_can_be_worded_in_another_language() -> None:
    assert wire(explain([], -9).reason) == {
        "form": "Upstream's program ended with exit code {exit_code}: {last}",
        "parts": {
            "exit_code": -9,
            "last": {"text": "it printed nothing", "form": "it printed nothing", "parts": {}},
        },
    }
