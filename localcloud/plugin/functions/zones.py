"""`tencentcloud.availability.get_zones_by_product`: the zones of the region that offer a product.

A difference to the official plug-in: that one asks the `api` service, which the local cloud does not have. The
local cloud's zones are the same for all products, and its machine service lists them.
"""

from __future__ import annotations

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties
from localcloud.plugin.functions.result import list_id

_UNAVAILABLE = "UNAVAILABLE"


def invoke(api: Api, arguments: Properties) -> Properties:
    """Zones out of order are left out unless `includeUnavailable`."""
    answer = api.read("cvm", "DescribeZones")
    zones = [
        {
            "description": zone.get("ZoneName") or "",
            "id": zone.get("ZoneId") or "",
            "name": zone["Zone"],
            "state": zone["ZoneState"],
        }
        for zone in answer.get("ZoneSet") or []
        if arguments.get("name") in (None, "", zone["Zone"])
        and (arguments.get("includeUnavailable") or zone["ZoneState"] != _UNAVAILABLE)
    ]
    return {**arguments, "id": list_id(zone["id"] for zone in zones), "zones": zones}
