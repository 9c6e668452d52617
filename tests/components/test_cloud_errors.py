"""Tencent's codes in plain words."""

from __future__ import annotations

import pytest

from components.cloud_errors import ADVICE, CloudError, explain


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ResourcesSoldOut.SpecifiedInstanceType", "no stock"),
        ("InvalidImageId.Malformed", "does not fit or is gone"),
        ("UnsupportedOperation.InstanceStateStopped", "wrong state"),
        ("UnauthorizedOperation.MFAExpired", "CAM policy"),
        ("InvalidAccount.InsufficientBalance", "balance"),
    ],
)
def test_a_code_or_the_family_before_its_dot_is_explained(code: str, said: str) -> None:
    assert said in explain(code)[0]


def test_the_longer_match_wins() -> None:
    assert "real-name" not in explain("InvalidParameterValue.InvalidImageId")[0]
    assert explain("InvalidParameterValue.InvalidImageForGivenInstanceType") == ADVICE["InvalidImageId"]


def test_an_unknown_code_keeps_tencents_own_words() -> None:
    error = CloudError("RunInstances", "NeverSeen.Before", "Something odd.", "req-1")
    assert explain("NeverSeen.Before") == ("", "")
    assert str(error) == "RunInstances: Something odd (NeverSeen.Before: Something odd, request req-1)."


def test_every_code_has_a_meaning_and_an_advice() -> None:
    assert all(meaning and advice for meaning, advice in ADVICE.values())
