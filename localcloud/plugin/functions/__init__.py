"""The functions (data sources), by token. A function's module is imported when it is first called."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties

Function = Callable[[Api, Properties], Properties]

MODULES = {
    "tencentcloud:Images/getInstance:getInstance": "images",
    "tencentcloud:Image/getInstance:getInstance": "image",
    "tencentcloud:Image/getFromFamily:getFromFamily": "image_from_family",
    "tencentcloud:Instance/getTypes:getTypes": "instance_types",
    "tencentcloud:Instances/getInstance:getInstance": "instances",
    "tencentcloud:Availability/getZonesByProduct:getZonesByProduct": "zones",
    "tencentcloud:Cbs/getSnapshots:getSnapshots": "snapshots",
    "tencentcloud:Cvm/getImageQuota:getImageQuota": "image_quota",
}


def function(token: str) -> Function:
    """The function of a token; raises KeyError when the stand-in does not have it."""
    module = import_module(f"{__name__}.{MODULES[token]}")
    made: Function = module.invoke
    return made
