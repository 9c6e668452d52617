"""What of a stack lies in other regions: after a change of tencentcloud:region it goes on costing money unseen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from operate.holdings import is_anothers
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.facts import TAG_OWNER, TAG_STACK
from tencent.ownership import Owner
from words import phrase

#: Regions asked at once: the API takes some twenty calls a second.
_AT_ONCE = 8
_PAGE = 100


@dataclass(frozen=True)
class Found:
    """A machine or an image that carries the stack's name, in a region where the stack does not look."""

    region: str
    kind: str
    id: str
    state: str

    def __str__(self) -> str:
        return phrase(
            "{kind} {id} in {region}, {state}",
            kind=phrase(self.kind),
            id=self.id,
            region=self.region,
            state=phrase(self.state.lower()),
        )


def find_elsewhere(cloud: Cloud, stack_id: str, owner: Owner | None) -> tuple[list[Found], list[str]]:
    """Machines and images in all other regions that are not another state's, and the regions that could not be asked.

    Raises CloudError.
    """
    others = [region for region in cloud.regions() if region != cloud.region]
    found: list[Found] = []
    unseen: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = {region: pool.submit(_look, cloud.in_region(region), stack_id, owner) for region in others}
        for region, answer in asked.items():
            try:
                found += answer.result()
            except CloudError:
                unseen.append(region)
    return found, unseen


def _look(cloud: Cloud, stack_id: str, owner: Owner | None) -> list[Found]:
    tagged = [{"Name": f"tag:{TAG_STACK}", "Values": [stack_id]}]
    own = [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]
    machines = cloud.call("cvm", "DescribeInstances", Filters=tagged, Limit=_PAGE).get("InstanceSet") or []
    images = cloud.call("cvm", "DescribeImages", Filters=own, Limit=_PAGE).get("ImageSet") or []
    living = [row for row in machines if row["InstanceState"] not in ("SHUTDOWN", "LAUNCH_FAILED")]
    living = [row for row in living if _is_own(row, stack_id, owner)]
    kept = [row for row in images if _is_own(row, stack_id, owner)]
    return [
        *(Found(cloud.region, "machine", row["InstanceId"], row["InstanceState"]) for row in living),
        *(Found(cloud.region, "image", row["ImageId"], row["ImageState"]) for row in kept),
    ]


def _is_own(row: dict[str, Any], stack_id: str, owner: Owner | None) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in row.get("Tags") or []}
    return tags.get(TAG_STACK) == stack_id and not is_anothers(owner, tags.get(TAG_OWNER, ""))
