"""Takes user data apart by the rules of its own stub: what the machine has on its disk after the first seconds.

The stub of `templates/user_data.ps1.j2` does the same in PowerShell: base64, and a tar.gz that Windows' own tar.exe
unpacks below the root folder.
"""

from __future__ import annotations

import base64
import io
import json
import re
import tarfile
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
    inflate = zlib.decompressobj(wbits=31)
    try:
        packed = inflate.decompress(base64.b64decode(found[0], validate=True), _MAX_UNPACKED_BYTES)
        if not inflate.eof:
            raise UnpackError("the payload is cut short or too large")
        files = _members(packed)
    except (ValueError, zlib.error, tarfile.TarError) as error:
        raise UnpackError(f"the payload does not unpack: {error}") from error
    if MANIFEST not in files:
        raise UnpackError(f"the payload holds no {MANIFEST}")
    return FirstStage(files, expand(json.loads(files[MANIFEST])))


def _members(packed: bytes) -> dict[str, bytes]:
    files = {}
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
        for member in archive:
            path = PureWindowsPath(member.name)
            content = archive.extractfile(member)
            if path.is_absolute() or path.drive or ".." in path.parts or content is None:
                raise UnpackError(f"the payload holds {member.name!r}, which does not belong below the root folder")
            files[path.as_posix()] = content.read()
    return files
