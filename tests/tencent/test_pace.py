"""How often the cloud is asked: as usual, or as often as the environment of a rehearsal says."""

from __future__ import annotations

import pytest

from tencent.pace import VARIABLE, poll_seconds


def test_the_real_cloud_is_asked_at_the_usual_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert poll_seconds(2) == 2


def test_a_cloud_whose_time_runs_faster_is_asked_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0.3")
    assert poll_seconds(2) == 0.3
