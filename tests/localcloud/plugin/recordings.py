"""The recordings of the official plug-in, and a cloud that plays their HTTP responses."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.localcloud.plugin.small_cloud import SmallCloud

FOLDER = Path(__file__).parents[2] / "contract"
IGNORED_REQUEST_FIELDS = frozenset({"ClientToken"})  # random: it makes a repeated launch launch only once


@dataclass(frozen=True)
class Call:
    """One recorded HTTP call and its place in its scenario."""

    place: int
    service: str
    action: str
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def key(self) -> str:
        return call_key(self.service, self.action, self.request)


def call_key(service: str, action: str, request: dict[str, Any]) -> str:
    """Two calls with the same key ask for the same."""
    fields = {name: value for name, value in request.items() if name not in IGNORED_REQUEST_FIELDS}
    return f"{service}:{action} {json.dumps(fields, sort_keys=True, ensure_ascii=False)}"


def scenarios() -> list[str]:
    """The names of all scenarios."""
    return sorted(path.stem for path in (FOLDER / "rpc").glob("*.jsonl"))


def remote_calls(scenario: str) -> list[dict[str, Any]]:
    """A scenario's gRPC calls, in order."""
    lines = (FOLDER / "rpc" / f"{scenario}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def api_calls(scenario: str) -> list[Call]:
    """A scenario's HTTP calls, in order."""
    found: list[Call] = []
    current = ""
    for line in (FOLDER / "api-calls.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "scenario" in entry:
            current = entry["scenario"]
        elif current == scenario:
            found.append(Call(len(found), entry["service"], entry["action"], entry["request"], entry["response"]))
    return found


class RecordedCloud(SmallCloud):
    """Answers each call as it was recorded: the first one made gets the first answer, and so on."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__()
        self.calls = calls
        self.made: list[int] = []  # places of the recorded calls that were made, in order
        self.unexpected: list[str] = []
        self._waiting: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            self._waiting[call.key].append(call)

    @property
    def missing(self) -> list[str]:
        """Recorded calls that nobody made."""
        return [call.key for call in self.calls if call.place not in self.made]

    def answer(self, service: str, action: str, request: dict[str, Any]) -> dict[str, Any]:
        key = call_key(service, action, request)
        if not self._waiting[key]:
            self.unexpected.append(key)
            return {"Error": {"Code": "NotRecorded", "Message": key}, "RequestId": "none"}
        call = self._waiting[key].pop(0)
        self.made.append(call.place)
        return call.response
