"""Takes user data apart by the rules of its own stub: what the machine has on its disk after the first seconds.

The stub of `templates/user_data.ps1.j2` does the same in PowerShell: base64, raw deflate, one JSON object of path and
text, written below the root folder.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import PureWindowsPath
from typing import Any

from components.bootstrap.manifest import expand

MANIFEST = "manifest.json"
_MAX_UNPACKED_BYTES = 1_000_000
_PAYLOAD = re.compile(rb"^\$Payload = '([A-Za-z0-9+/=]+)'\r?$", re.MULTILINE)


class UnpackError(ValueError):
    """The user data does not hold a first stage."""


@dataclass(frozen=True)
class FirstStage:
    """Files by their path below the root folder (with forward slashes), and the manifest among them, in full form."""

    files: dict[str, bytes]
    manifest: dict[str, Any]


def unpack_user_data(data: bytes) -> FirstStage:
    """Unpack the first stage from user data (with or without the `<powershell>` tags). Raises UnpackError."""
    found = _PAYLOAD.findall(data)
    if len(found) != 1:
        raise UnpackError(f"user data holds {len(found)} payloads instead of one")
    inflate = zlib.decompressobj(wbits=-15)
    try:
        text = inflate.decompress(base64.b64decode(found[0], validate=True), _MAX_UNPACKED_BYTES)
        files = json.loads(text)
    except (ValueError, zlib.error) as error:
        raise UnpackError(f"the payload does not unpack: {error}") from error
    if not inflate.eof or not isinstance(files, dict):
        raise UnpackError("the payload is cut short, too large, or no object")
    for name, content in files.items():
        path = PureWindowsPath(name)
        if path.is_absolute() or path.drive or ".." in path.parts or not isinstance(content, str):
            raise UnpackError(f"the payload holds {name!r}, which does not belong below the root folder")
    if MANIFEST not in files:
        raise UnpackError(f"the payload holds no {MANIFEST}")
    return FirstStage(
        {PureWindowsPath(name).as_posix(): content.encode("utf-8") for name, content in files.items()},
        expand(json.loads(files[MANIFEST])),
    )
