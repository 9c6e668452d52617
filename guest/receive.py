"""Takes uploads into the inbox, piece by piece, so that a broken one goes on; the last word is a hash.

The twin of `Receive-File` in templates/chatglm.ps1.j2, which does this before there is Python.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from guest.errors import GuestError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def receive(root: Path, ask: dict[str, Any], lines: Iterable[bytes]) -> dict[str, Any]:
    """Write `lines` (base64) at `offset` of the upload `name`; with `sha256`, check it and give it its name.

    Without an offset nothing is read: the answer tells how many bytes are here. Raises GuestError.
    """
    name = str(ask.get("name", ""))
    if not _NAME.fullmatch(name):
        raise GuestError(f"The name {name!r} is not allowed.", "Use letters, digits, dot, hyphen and underscore.")
    inbox = root / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    part = inbox / f"{name}.part"
    part.touch()
    if ask.get("offset") is not None:
        with part.open("r+b") as out:
            out.truncate(int(ask["offset"]))
            out.seek(0, 2)
            for line in lines:
                try:
                    out.write(base64.b64decode(line.strip(), validate=True))
                except binascii.Error:
                    raise GuestError("The input is not base64.", "Send lines of base64.") from None
    size = part.stat().st_size
    if ask.get("sha256"):
        if _sha256(part) != ask["sha256"]:
            part.unlink()
            raise GuestError("The upload is damaged and was thrown away.", "Send it again.")
        part.replace(inbox / name)
    return {"name": name, "bytes": size}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
