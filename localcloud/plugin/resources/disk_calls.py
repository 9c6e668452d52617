"""Calls about cloud disks that several resources share."""

from __future__ import annotations

from typing import Any

from localcloud.plugin.api import Api

_PAGE = 100


def describe_disks(api: Api, identifiers: list[str]) -> list[dict[str, Any]]:
    """Disks by their ids. One try."""
    found: list[dict[str, Any]] = (
        api.call("cbs", "DescribeDisks", Limit=_PAGE, DiskIds=identifiers).get("DiskSet") or []
    )
    return found


def describe_disk(api: Api, identifier: str) -> dict[str, Any] | None:
    """One disk, or None. One try."""
    found = describe_disks(api, [identifier])
    return found[0] if found else None
