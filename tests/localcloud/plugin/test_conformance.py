"""The stand-in answers every recorded call as the official plug-in did, and makes the same HTTP calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from tests.localcloud.plugin import recordings

GO_ERROR = "rpc error: code = Unknown desc = "


@pytest.mark.parametrize("scenario", recordings.scenarios())
def test_answers_and_calls_are_those_of_the_official_plugin(scenario: str, start_plugin: Callable[[str], Any]) -> None:
    with recordings.RecordedCloud(recordings.api_calls(scenario)) as cloud:
        plugin = start_plugin(cloud.url)
        different = []
        for number, line in enumerate(recordings.remote_calls(scenario), start=1):
            before = len(cloud.made)
            answer = _answer(plugin, line)
            wanted = {"errors": line["errors"]} if "errors" in line else {"response": line["response"]}
            if answer != wanted:
                different.append((number, line["rpc"], line["request"].get("urn"), wanted, answer))
            places = cloud.made[before:]
            if places != sorted(places):
                different.append((number, line["rpc"], line["request"].get("urn"), "calls out of order", places))
    assert different == []
    assert cloud.unexpected == []
    assert cloud.missing == []


def test_every_recorded_line_is_replayed() -> None:
    """No line is left out; a line that the stand-in cannot serve would have to be listed here."""
    lines = [line for scenario in recordings.scenarios() for line in recordings.remote_calls(scenario)]
    assert len(lines) == 207
    assert len(recordings.scenarios()) == 14


def _answer(plugin: Any, line: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"response": plugin.call(line["rpc"], line["request"])}
    except grpc.RpcError as error:
        return {"errors": [GO_ERROR + (error.details() or "")]}
