"""`tencentcloud.cvm.get_image_quota`: how many custom images the account may have in the region."""

from __future__ import annotations

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties
from localcloud.plugin.functions.result import list_id


def invoke(api: Api, arguments: Properties) -> Properties:
    """One number."""
    quota = api.read("cvm", "DescribeImageQuota").get("ImageNumQuota") or 0
    return {**arguments, "id": list_id([str(quota)]), "imageNumQuota": quota}
