"""`tencentcloud.image.get_instance`: the newest image that matches."""

from __future__ import annotations

import zlib

from localcloud.plugin.api import Api, OperationError
from localcloud.plugin.encoding import Properties
from localcloud.plugin.functions.images import PAGE, name_matcher, newest_first


def invoke(api: Api, arguments: Properties) -> Properties:
    """Fails when nothing matches. The system's name counts before the image's."""
    if arguments.get("osName"):
        matches = name_matcher({"osName": arguments["osName"]})
    else:
        matches = name_matcher({"imageNameRegex": arguments.get("imageNameRegex")})
    filters = [{"Name": entry["name"], "Values": entry["values"]} for entry in arguments.get("filters") or []]
    found = newest_first(api.pages("cvm", "DescribeImages", "ImageSet", PAGE, Filters=filters or None))
    image = next((image for image in found if matches(image)), None)
    if image is None:
        raise OperationError("No image found")
    identifier = image["ImageId"]
    named = {"imageId": identifier, "imageName": image["ImageName"]}
    return {**arguments, **named, "id": str(zlib.crc32(identifier.encode("utf-8")))}
