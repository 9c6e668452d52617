"""Every call of the API in order, kept for tests and for people. Secrets are masked before they are written."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from localcloud.call import Arrived

MASK = "***"
_SECRET_NAMES = frozenset({"Password", "UserData", "Content", "Parameters", "SecretKey", "TokenCode"})
# A fuzzer's or a mistake's huge request is not kept whole.
_MAX_PARAMS = 16_000


@dataclass(frozen=True)
class JournalEntry:
    seq: int
    time: float
    service: str
    action: str
    error: str | None
    params: Any
    request_id: str
    region: str
    caller: str


def mask(value: Any) -> Any:
    """The value with every secret in it replaced, however deep."""
    if isinstance(value, dict):
        return {key: MASK if key in _SECRET_NAMES else mask(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask(inner) for inner in value]
    return value


class Journal:
    """The table of calls; written inside the transaction of the call."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def write(self, time: float, arrived: Arrived, error: str | None) -> None:
        text = json.dumps(mask(arrived.body), ensure_ascii=False)
        if len(text) > _MAX_PARAMS:
            text = json.dumps(f"{len(text)} characters, not kept")
        params = text.encode("utf-8", "replace").decode("utf-8")
        row = (time, arrived.service, arrived.action, error, params, arrived.request_id, arrived.region)
        self._connection.execute(
            "INSERT INTO journal (time, service, action, error, params, request_id, region, caller) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*row, arrived.caller.uin),
        )

    def read(self, since: int = 0, limit: int = 100_000) -> list[JournalEntry]:
        """The calls after number `since`."""
        rows = self._connection.execute(
            "SELECT seq, time, service, action, error, params, request_id, region, caller FROM journal WHERE seq > ? "
            "ORDER BY seq LIMIT ?",
            (since, limit),
        )
        return [
            JournalEntry(seq, time, service, action, error, json.loads(params), request_id, region or "", caller or "")
            for seq, time, service, action, error, params, request_id, region, caller in rows
        ]
