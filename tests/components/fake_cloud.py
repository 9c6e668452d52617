"""A cloud of a few records, for the guards: it refuses what it is told to, and keeps a list of what was done.

Its time passes only while somebody waits, and brings what was told to come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tencent.errors import CloudError
from tencent.facts import TAG_EDITION, TAG_OWNER, TAG_STACK, Image, Instance, Subnet


@dataclass
class FakeCloud:
    machines: dict[str, Instance] = field(default_factory=dict)
    made: dict[str, Image] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)  # verb to Tencent's code
    deeds: list[str] = field(default_factory=list)
    region: str = "ap-guangzhou"
    quota: int = 10
    made_subnets: tuple[Subnet, ...] = ()
    left_snapshots: tuple[str, ...] = ()  # those that outlive their image
    ends: Callable[[], None] | None = None  # what a termination does, where it is not done at once
    now: float = 0.0  # seconds
    coming: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for each in [one for one in self.coming if one[0] <= self.now]:
            self.coming.remove(each)
            each[1]()

    def _do(self, verb: str, what: str) -> None:
        if verb in self.refused:
            raise CloudError(verb, self.refused[verb], "refused")
        self.deeds.append(f"{verb} {what}")

    def instance(self, instance_id: str) -> Instance | None:
        return self.machines.get(instance_id)

    def image(self, image_id: str) -> Image | None:
        return self.made.get(image_id)

    def seen_machines(self, known: Iterable[str] = (), vpc_id: str = "") -> tuple[Instance, ...]:
        return tuple(self.machines.values())

    def custom_images(self) -> tuple[Image, ...]:
        self._do("custom_images", "")
        return tuple(self.made.values())

    def terminate(self, instance_id: str) -> None:
        self._do("terminate", instance_id)
        if self.ends is None:
            del self.machines[instance_id]
        else:
            self.ends()

    def delete_image(self, image: Image) -> None:
        self._do("delete_image", image.id)
        del self.made[image.id]

    def snapshots(self, snapshot_ids: Iterable[str]) -> tuple[str, ...]:
        self._do("snapshots", "")
        return tuple(one for one in snapshot_ids if one in self.left_snapshots)

    def delete_snapshots(self, snapshot_ids: Iterable[str]) -> None:
        self._do("delete_snapshots", ", ".join(snapshot_ids))

    def image_quota(self) -> int:
        self._do("image_quota", "")
        return self.quota

    def subnets(self, vpc_id: str, name: str) -> tuple[Subnet, ...]:
        self._do("subnets", f"{vpc_id} {name}")
        return self.made_subnets

    def delete_subnet(self, subnet_id: str) -> None:
        self._do("delete_subnet", subnet_id)

    def delete_security_group(self, group_id: str) -> None:
        self._do("delete_security_group", group_id)

    def account_id(self) -> str:
        return "100000000001"

    def mark(self, kind: str, resource_id: str, tags: Mapping[str, str]) -> None:
        self._do("mark", resource_id)
        named: dict[str, Any] = {TAG_OWNER: "owner", TAG_EDITION: "edition", TAG_STACK: "stack"}
        changes = {named[key]: value for key, value in tags.items()}
        if kind == "instance":
            self.machines[resource_id] = replace(self.machines[resource_id], **changes)
        else:
            self.made[resource_id] = replace(self.made[resource_id], **changes)
