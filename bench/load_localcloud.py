"""Many clients at once on the local cloud: no error, no lost write, and how many requests a second."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from bench.figure import Figure
from bench.served_cloud import served_cloud
from bench.signed_http import Connection
from localcloud.control_client import Control
from localcloud.signature import Keys


@dataclass(frozen=True)
class Load:
    """`errors` are calls without a proper answer; `lost_writes` are groups that are there or not, against what the
    clients were told."""

    clients: int
    seconds: float
    requests: int
    errors: int
    lost_writes: int

    @property
    def requests_per_second(self) -> float:
        return self.requests / self.seconds


class Client:
    """Makes security groups, tags them, reads them back and deletes every second one."""

    def __init__(self, number: int, port: int, keys: Keys) -> None:
        self._number = number
        self._connection = Connection(port, keys)
        self.kept: set[str] = set()
        self.requests = 0
        self.errors = 0

    async def run(self, until: float) -> None:
        turn = 0
        while time.monotonic() < until:
            turn += 1
            try:
                await self._one_group(turn)
            except (OSError, ValueError, KeyError) as error:
                self.errors += 1
                print(f"client {self._number}: {error!r}")
        self._connection.close()

    async def _one_group(self, turn: int) -> None:
        name = f"group-{self._number}-{turn}"
        made = await self._call("vpc", "CreateSecurityGroup", GroupName=name, GroupDescription="load")
        group = made["SecurityGroup"]["SecurityGroupId"]
        self.kept.add(group)
        resource = f"qcs::cvm:ap-guangzhou:uin/:sg/{group}"
        await self._call(
            "tag", "ModifyResourceTags", Resource=resource, ReplaceTags=[{"TagKey": "turn", "TagValue": str(turn)}]
        )
        found = await self._call("vpc", "DescribeSecurityGroups", SecurityGroupIds=[group])
        tags = found["SecurityGroupSet"][0]["TagSet"]
        if tags != [{"Key": "turn", "Value": str(turn)}]:
            raise ValueError(f"{group} has the tags {tags}")
        if turn % 2:
            await self._call("vpc", "DeleteSecurityGroup", SecurityGroupId=group)
            self.kept.discard(group)

    async def _call(self, service: str, action: str, **params: Any) -> dict[str, Any]:
        answer = await self._connection.call(service, action, **params)
        self.requests += 1
        if "Error" in answer:
            raise ValueError(f"{action}: {answer['Error']}")
        return answer


def measure_load(clients: int = 64, seconds: float = 60.0) -> Load:
    """Run the clients against a cloud of their own."""
    with served_cloud() as (url, keys, _):
        with Control(url) as control:
            control.set_quota("security_group", 10_000_000)
        port = int(url.rsplit(":", 1)[1])
        return asyncio.run(_measure(clients, seconds, port, keys))


async def _measure(clients: int, seconds: float, port: int, keys: Keys) -> Load:
    crowd = [Client(number, port, keys) for number in range(clients)]
    begun = time.monotonic()
    await asyncio.gather(*(client.run(begun + seconds) for client in crowd))
    took = time.monotonic() - begun
    there = await _all_groups(Connection(port, keys))
    kept = {group for client in crowd for group in client.kept}
    return Load(
        clients,
        took,
        sum(client.requests for client in crowd),
        sum(client.errors for client in crowd),
        len(there ^ kept),
    )


async def _all_groups(connection: Connection) -> set[str]:
    groups: set[str] = set()
    while True:
        page = await connection.call("vpc", "DescribeSecurityGroups", Offset=str(len(groups)), Limit="100")
        if not page["SecurityGroupSet"]:
            connection.close()
            return groups
        groups |= {group["SecurityGroupId"] for group in page["SecurityGroupSet"]}


def measure() -> list[Figure]:
    load = measure_load()
    return [
        Figure("load_errors", load.errors + load.lost_writes, "errors", 0),
        Figure("load_requests_per_second", load.requests_per_second, "1/s"),
    ]
