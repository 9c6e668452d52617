"""Random requests against the local cloud: none may crash it, make it answer nonsense, or break its database.

Requests are made from the SDK's own models: fields of the right type, of a wrong one, unknown ones, ids that exist and
ids that do not; beside them broken JSON, broken signatures and bytes that are no HTTP at all.

They are made here and not by hypothesis, which takes 150 times as long for one (9 ms and 0.06 ms of one core), and
could not go on with the ids that eight connections learn from answers.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.served_cloud import served_cloud
from bench.signed_http import Connection, signed_request
from localcloud import process
from localcloud.catalogue import INSTANCE_TYPES, PUBLIC_IMAGES, ZONES
from localcloud.control_client import Control
from localcloud.registry import all_actions
from localcloud.signature import Keys
from localcloud.wire import VERSIONS, FieldType, fields_of

REQUESTS = 100_000
_CONNECTIONS = 8
_TYPICAL: dict[str, list[Any]] = {
    "Zone": list(ZONES)[:4],
    "InstanceType": list(INSTANCE_TYPES),
    "InstanceChargeType": ["SPOTPAID", "POSTPAID_BY_HOUR", "PREPAID"],
    "ImageId": [image.image_id for image in PUBLIC_IMAGES],
    "DiskType": ["CLOUD_SSD", "CLOUD_PREMIUM"],
    "DiskChargeType": ["POSTPAID_BY_HOUR"],
    "DiskSize": [20, 50, 75, 100],
    "Password": ["Fuzz-Pass-2022"],
    "HostName": ["fuzz"],
    "CidrBlock": ["10.0.0.0/16", "10.0.1.0/24", "0.0.0.0/0"],
    "Protocol": ["TCP", "ALL"],
    "Port": ["22", "ALL", "1-10"],
    "Action": ["ACCEPT", "DROP"],
    "ServiceType": ["cvm", "vpc"],
    "ResourcePrefix": ["instance", "sg", "image"],
    "ResourceRegion": ["ap-guangzhou"],
    "InquiryType": ["INQUIRY_CVM_CONFIG", "INQUIRY_CBS_CONFIG"],
    "Version": ["0", "1", "2"],
    "ForcePoweroff": ["true", "false"],
    "Sysprep": ["true", "false"],
    "InstanceCount": [1, 2],
    "Attributes": ["UserData"],
    "Limit": [1, 20, 100, "20"],
    "Offset": [0, 1, "0"],
    "Name": ["zone", "instance-state", "image-type", "tag:a", "vpc-id"],
}


@dataclass
class Fuzz:
    """`crashes` counts missing answers, HTTP errors, InternalError, and a broken database at the end."""

    seed: int
    requests: int = 0
    crashes: int = 0
    worked: int = 0
    codes: set[str] = field(default_factory=set)


class Maker:
    """Makes requests, and remembers the ids that answers told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.actions = sorted(all_actions())
        self.ids: dict[str, list[str]] = {}

    def action(self) -> tuple[str, str]:
        return self.random.choice(self.actions)

    def params(self, service: str, action: str) -> dict[str, Any]:
        params: dict[str, Any] = self._model(service, f"{action}Request", depth=0)
        for path in all_actions()[service, action].required:
            self._ensure(service, f"{action}Request", params, path.split("."))
        if self.random.random() < 0.05:
            params[self._text()] = self._garbage()
        return params

    def learn(self, value: Any) -> None:
        """Remember ids such as ins-1a2b3c4d by their prefix."""
        if isinstance(value, dict):
            for inner in value.values():
                self.learn(inner)
        elif isinstance(value, list):
            for inner in value:
                self.learn(inner)
        elif isinstance(value, str) and "-" in value and len(value) < 24 and " " not in value:
            known = self.ids.setdefault(value.split("-", 1)[0], [])
            if value not in known:
                known.append(value)
                del known[:-50]

    def _ensure(self, service: str, model: str, params: dict[str, Any], path: list[str]) -> None:
        kind = fields_of(service, model)[path[0]]
        if self.random.random() < 0.03:
            return
        if len(path) > 1:
            inner = params.get(path[0])
            params[path[0]] = inner if isinstance(inner, dict) else {}
            self._ensure(service, kind.name, params[path[0]], path[1:])
        elif not params.get(path[0]):
            params[path[0]] = self._value(service, path[0], kind, depth=1)

    def _model(self, service: str, model: str, depth: int) -> dict[str, Any]:
        chance = 0.25 if depth == 0 else 0.5
        return {
            name: self._value(service, name, kind, depth)
            for name, kind in fields_of(service, model).items()
            if self.random.random() < chance
        }

    def _value(self, service: str, name: str, kind: FieldType, depth: int) -> Any:
        if self.random.random() < 0.03:
            return self._garbage()
        if kind.many:
            item = FieldType(kind.name)
            return [self._value(service, name, item, depth) for _ in range(self.random.choice([1, 1, 1, 2, 0]))]
        if kind.name not in ("str", "int", "float", "bool"):
            return self._model(service, kind.name, depth + 1) if depth < 4 else {}
        if name in _TYPICAL and self.random.random() < 0.9:
            return self.random.choice(_TYPICAL[name])
        known = self._known_id(name)
        if known is not None:
            return known
        if kind.name == "str":
            return self._text()
        numbers: dict[str, list[Any]] = {
            "int": [0, 1, 20, 50, -1, 2**31, 2**70],
            "float": [0.0, 1.5, -1.0],
            "bool": [True, False],
        }
        return self.random.choice(numbers[kind.name])

    def _known_id(self, name: str) -> str | None:
        prefixes = {
            "Instance": "ins",
            "Image": "img",
            "Disk": "disk",
            "Snapshot": "snap",
            "SecurityGroup": "sg",
            "Vpc": "vpc",
            "Subnet": "subnet",
            "Resource": "ins",
        }
        for word, prefix in prefixes.items():
            if name in (f"{word}Id", f"{word}Ids", f"{word}s") and self.ids.get(prefix):
                return self.random.choice(self.ids[prefix])
        return None

    def _text(self) -> str:
        letters = string.printable + "中文é\u0000\u2028😀"
        return "".join(self.random.choice(letters) for _ in range(self.random.choice([0, 1, 5, 20, 200])))

    def _garbage(self) -> Any:
        return self.random.choice([None, True, -1, 1e308, "", [], {}, [[]], {"a": {"b": []}}, "x" * 1000, 2**200])


def fuzz(requests: int = 100_000, seed: int | None = None) -> Fuzz:
    """Send that many requests to a cloud of their own.

    The seed is in the answer: the same kinds of requests come again with it, though not the same ids.
    """
    if seed is None:
        seed = random.SystemRandom().randrange(2**32)
    with served_cloud(speed="max") as (url, keys, data):
        with Control(url) as control:
            control.set_balance(1e9)
        result = asyncio.run(_fuzz(int(url.rsplit(":", 1)[1]), keys, requests, seed))
        with Control(url) as control:
            control.meter()
            control.journal(since=requests - 10)
        process.stop(data, progress=lambda _: None)
        result.crashes += _broken(data)
    return result


async def _fuzz(port: int, keys: Keys, requests: int, seed: int) -> Fuzz:
    result = Fuzz(seed)
    each = [requests // _CONNECTIONS + (number < requests % _CONNECTIONS) for number in range(_CONNECTIONS)]
    await asyncio.gather(
        *(_fuzz_connection(port, keys, count, Maker(seed + number), result) for number, count in enumerate(each))
    )
    return result


async def _fuzz_connection(port: int, keys: Keys, count: int, maker: Maker, result: Fuzz) -> None:
    connection = Connection(port, keys)
    for _ in range(count):
        result.requests += 1
        if maker.random.random() < 0.01:
            await _send_garbage(port, maker)
            continue
        request, said = _request(keys, maker)
        try:
            status, content = await connection.send(request)
            answer = json.loads(content)["Response"] if status == 200 else {"Error": {"Code": f"HTTP {status}"}}
        except (OSError, ValueError, KeyError) as error:
            result.crashes += 1
            print(f"no answer to {said}: {error!r}")
            continue
        code = answer.get("Error", {}).get("Code", "")
        result.codes.add(code)
        result.worked += not code
        maker.learn(answer)
        if code == "InternalError" or code.startswith("HTTP"):
            result.crashes += 1
            print(f"{code} for {said}")
    connection.close()


def _request(keys: Keys, maker: Maker) -> tuple[bytes, str]:
    service, action = maker.action()
    body = json.dumps(maker.params(service, action)).encode("utf-8")
    changes: dict[str, str] = {}
    chance = maker.random.random()
    if chance < 0.03:
        cut = maker.random.randrange(len(body) + 1)
        body = body[:cut] + bytes(maker.random.randrange(256) for _ in range(3))
    elif chance < 0.05:
        name = maker.random.choice(["Authorization", "X-TC-Timestamp", "X-TC-Version", "X-TC-Region", "X-TC-Action"])
        changes[name] = maker.random.choice(
            ["", "x", "9" * 30, "TC3-HMAC-SHA256 Credential=a/2026-01-01/cvm/tc3_request"]
        )
    elif chance < 0.06:
        service = maker.random.choice(sorted(VERSIONS))
    return signed_request(keys, service, action, body, changes), f"{service} {action} {body[:2000]!r}"


async def _send_garbage(port: int, maker: Maker) -> None:
    """Bytes that are no HTTP request; whatever comes back, the connection is ours to close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(bytes(maker.random.randrange(256) for _ in range(200)) + b"\r\n\r\n")
    writer.write_eof()
    try:
        await asyncio.wait_for(reader.read(), 5)
    except OSError:
        pass
    finally:
        writer.close()


def _broken(data: Path) -> int:
    """1 when the database does not pass SQLite's own check."""
    with sqlite3.connect(data / "cloud.db") as connection:
        answer = connection.execute("PRAGMA integrity_check").fetchone()[0]
    return int(answer != "ok")


def measure() -> list[Figure]:
    result = fuzz(REQUESTS, None)
    return [
        Figure("fuzz_requests", result.requests, f"seed {result.seed}", REQUESTS, "at least"),
        Figure("fuzz_crashes", result.crashes, "crashes", 0),
    ]
