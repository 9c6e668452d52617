"""The resources, by type token. A resource's module is imported when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from localcloud.plugin.resources.resource import Resource

MODULES = {
    "tencentcloud:Vpc/instance:Instance": "vpc",
    "tencentcloud:Subnet/instance:Instance": "subnet",
    "tencentcloud:Security/group:Group": "security_group",
    "tencentcloud:Security/groupRuleSet:GroupRuleSet": "rule_set",
    "tencentcloud:Instance/instance:Instance": "instance",
    "tencentcloud:Image/instance:Instance": "image",
    "tencentcloud:Cbs/storage:Storage": "storage",
    "tencentcloud:Cbs/storageAttachment:StorageAttachment": "storage_attachment",
    "tencentcloud:Cbs/snapshot:Snapshot": "snapshot",
}


@cache
def resource(token: str) -> Resource:
    """The resource of a type token; raises KeyError when the stand-in does not have it."""
    module = import_module(f"{__name__}.{MODULES[token]}")
    made: Resource = module.RESOURCE
    return made
