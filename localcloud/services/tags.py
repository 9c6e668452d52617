"""Tags: as part of requests that make things, and the tag service's own two actions."""

from __future__ import annotations

import re
from typing import Any

from localcloud.call import Call
from localcloud.catalogue import REGIONS
from localcloud.cloud import Cloud
from localcloud.database import Table
from localcloud.errors import ApiError
from localcloud.query import page
from localcloud.registry import action

MAX_TAGS = 50
_RESOURCE = re.compile(r"qcs::(\w+):([\w-]+):uin/\d*:(\w+)/([\w-]+)")


def read_tags(tags: list[dict[str, Any]] | None) -> dict[str, str]:
    """Tags of a request as a dictionary. Raises ApiError for an empty or doubled key, or too many."""
    result: dict[str, str] = {}
    for tag in tags or []:
        key = tag.get("Key") or tag.get("TagKey") or ""
        if not key or len(key) > 127:
            raise ApiError("FailedOperation.IllegalTagKey", f"A tag key has 1 to 127 characters, not {key[:20]!r}.")
        if key in result:
            raise ApiError("InvalidParameterValue.DuplicateTags", f"The tag {key} is given twice.")
        result[key] = tag.get("Value") or tag.get("TagValue") or ""
    if len(result) > MAX_TAGS:
        raise ApiError("InvalidParameterValue.TagQuotaLimitExceeded", f"At most {MAX_TAGS} tags.")
    return result


def read_tag_specification(params: dict[str, Any], resource_type: str) -> dict[str, str]:
    """The tags that a request's `TagSpecification` holds for one type of resource."""
    tags: list[dict[str, Any]] = []
    for entry in params.get("TagSpecification") or []:
        if entry.get("ResourceType") == resource_type:
            tags += entry.get("Tags") or []
    return read_tags(tags)


def tag_list(tags: dict[str, str]) -> list[dict[str, str]]:
    """Tags as cvm, cbs and vpc answer them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _tables(cloud: Cloud) -> dict[tuple[str, str], Table[Any]]:
    """All things that carry tags, by the service and the prefix of their resource names."""
    db = cloud.db
    return {
        ("cvm", "instance"): db.instances,
        ("cvm", "image"): db.images,
        ("cvm", "volume"): db.disks,
        ("cvm", "snapshot"): db.snapshots,
        ("cvm", "sg"): db.security_groups,
        ("cvm", "keypair"): db.key_pairs,
        ("cvm", "eip"): db.addresses,
        ("vpc", "vpc"): db.vpcs,
        ("vpc", "subnet"): db.subnets,
    }


def _tagged(cloud: Cloud, service: str, prefix: str) -> Table[Any]:
    """The things that a resource name of the tag service speaks of."""
    tables = _tables(cloud)
    if service not in ("cvm", "vpc"):
        raise ApiError("InvalidParameterValue.ServiceTypeInvalid", f"The service {service[:40]!r} is not known.")
    if (service, prefix) not in tables:
        raise ApiError("InvalidParameterValue.ResourcePrefixInvalid", f"The prefix {prefix[:40]!r} is not known.")
    return tables[service, prefix]


def _search(cloud: Cloud, params: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Service, prefix and record of everything that carries all the tags asked for, in every region."""
    filters = [(entry.get("TagKey", ""), entry.get("TagValue") or []) for entry in params.get("TagFilters") or []]
    return [
        (service, prefix, record)
        for (service, prefix), table in _tables(cloud).items()
        for record in table
        if record.tags and all(key in record.tags and (not v or record.tags[key] in v) for key, v in filters)
    ]


def _tag_rows(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": key, "TagValue": value, "Category": "Custom"} for key, value in tags.items()]


@action("tag", "DescribeResourcesByTags", "TagFilters")
def describe_resources_by_tags(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    rows = [
        {
            "ResourceRegion": record.region,
            "ServiceType": service,
            "ResourcePrefix": prefix,
            "ResourceId": next(iter(vars(record).values())),
            "Tags": _tag_rows(record.tags),
        }
        for service, prefix, record in _search(cloud, params)
        if record.region == params.get("ResourceRegion", record.region)
        and service == params.get("ServiceType", service)
        and prefix == params.get("ResourcePrefix", prefix)
    ]
    found = [row for row in rows if row["ResourceId"] == params.get("ResourceId", row["ResourceId"])]
    limits = {"Offset": params.get("Offset", 0), "Limit": params.get("Limit", 15)}
    return {"TotalCount": len(found), **limits, "Rows": page(params, found, default=15)}


@action("tag", "GetResources")
def get_resources(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Pages by a token, which here is the number of the first thing of the page."""
    params = call.params
    named = [
        (
            f"qcs::{service}:{record.region}:uin/{record.account}:{prefix}/{next(iter(vars(record).values()))}",
            record.tags,
        )
        for service, prefix, record in _search(cloud, params)
    ]
    wanted = params.get("ResourceList")
    found = [each for each in named if not wanted or each[0] in wanted]
    token, size = params.get("PaginationToken") or "0", params.get("MaxResults", 50)
    if not token.isdecimal() or not 1 <= size <= 200:
        raise ApiError(
            "InvalidParameterValue", "`PaginationToken` is not one of ours, or `MaxResults` is not 1 to 200."
        )
    first = int(token)
    rows = [{"Resource": name, "Tags": _tag_rows(tags)} for name, tags in found[first : first + size]]
    more = str(first + size) if first + size < len(found) else ""
    return {"PaginationToken": more, "ResourceTagMappingList": rows}


@action("tag", "DescribeResourceTagsByResourceIds", "ServiceType", "ResourcePrefix", "ResourceIds", "ResourceRegion")
def describe_resource_tags_by_resource_ids(cloud: Cloud, call: Call) -> dict[str, Any]:
    params = call.params
    table = _tagged(cloud, params["ServiceType"], params["ResourcePrefix"])
    if params["ResourceRegion"] not in REGIONS:
        raise ApiError("InvalidParameterValue.RegionInvalid", f"No region {params['ResourceRegion'][:40]!r}.")
    if len(params["ResourceIds"]) > 50:
        raise ApiError("LimitExceeded.ResourceNumPerRequest", "At most 50 resources can be asked for.")
    found = []
    for resource_id in params["ResourceIds"]:
        record = table.get(resource_id)
        if record is None or record.region != params["ResourceRegion"]:
            continue
        for key, value in record.tags.items():
            found.append(
                {
                    "TagKey": key,
                    "TagValue": value,
                    "ResourceId": resource_id,
                    "ServiceType": params["ServiceType"],
                    "Category": "Custom",
                }
            )
    tags = page(params, found, default=15)
    return {
        "TotalCount": len(found),
        "Offset": params.get("Offset", 0),
        "Limit": params.get("Limit", 15),
        "Tags": tags,
    }


@action("tag", "ModifyResourceTags", "Resource")
def modify_resource_tags(cloud: Cloud, call: Call) -> dict[str, Any]:
    match = _RESOURCE.fullmatch(call.params["Resource"])
    if match is None:
        raise ApiError(
            "InvalidParameterValue.ResourceDescriptionError",
            f"{call.params['Resource'][:80]!r} is not like qcs::cvm:ap-guangzhou:uin/:instance/ins-1a2b3c4d.",
        )
    service, region, prefix, resource_id = match.groups()
    replace = read_tags(call.params.get("ReplaceTags"))
    delete = {entry.get("TagKey", "") for entry in call.params.get("DeleteTags") or []}
    if not replace and not delete:
        raise ApiError("MissingParameter", "Give `ReplaceTags` or `DeleteTags`.")
    if set(replace) & delete:
        raise ApiError("InvalidParameterValue.DeleteTagsParamError", "A tag is both replaced and deleted.")
    table = _tagged(cloud, service, prefix)
    record = table.get(resource_id)
    if record is None or record.region != region:
        raise ApiError("InvalidParameterValue.ResourceIdInvalid", f"There is no {prefix} {resource_id} in {region}.")
    kept = {key: value for key, value in record.tags.items() if key not in delete}
    merged = {**kept, **replace}
    if len(merged) > MAX_TAGS:
        raise ApiError("LimitExceeded.ResourceAttachedTags", f"At most {MAX_TAGS} tags on a resource.")
    table.change(resource_id, tags=merged)
    return {}
