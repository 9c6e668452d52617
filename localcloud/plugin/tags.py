"""Tags, through the tag service. A resource is named there `qcs::<service>:<region>:uin/:<prefix>/<id>`."""

from __future__ import annotations

from typing import Any

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties

_PAGE = 20


def describe(api: Api, service: str, prefix: str, identifier: str) -> dict[str, str]:
    """The tags that a resource has."""
    tags = api.pages(
        "tag",
        "DescribeResourceTagsByResourceIds",
        "Tags",
        _PAGE,
        ServiceType=service,
        ResourcePrefix=prefix,
        ResourceIds=[identifier],
        ResourceRegion=api.region,
    )
    return {tag["TagKey"]: tag["TagValue"] for tag in tags}


def replace(
    api: Api,
    service: str,
    prefix: str,
    identifier: str,
    old: dict[str, str] | None,
    new: dict[str, str] | None,
) -> None:
    """Turns the tags `old` into `new`; nothing is sent when they are the same."""
    before, after = old or {}, new or {}
    replaced = [{"TagKey": key, "TagValue": value} for key, value in after.items() if before.get(key) != value]
    deleted = [{"TagKey": key} for key in before if key not in after]
    if not (replaced or deleted):
        return
    api.write(
        "tag",
        "ModifyResourceTags",
        Resource=f"qcs::{service}:{api.region}:uin/:{prefix}/{identifier}",
        ReplaceTags=replaced or None,
        DeleteTags=deleted or None,
    )


def key_values(tags: dict[str, str] | None) -> list[dict[str, str]] | None:
    """Tags in the form of most requests, or None when there are none."""
    return [{"Key": key, "Value": value} for key, value in tags.items()] if tags else None


def specification(kind: str, tags: dict[str, str] | None) -> list[Properties] | None:
    """Tags in the form of requests that make a machine or an image."""
    listed: Any = key_values(tags)
    return [{"ResourceType": kind, "Tags": listed}] if listed else None
