"""What the machine's first start makes of its user data: the rules of cloudbase-init, without running anything.

On the real machine cloudbase-init decides by the bytes which parts of the user data are scripts and runs them. Here
only the deciding is done. The rules are those of cloudbase-init's own code (`userdata.py`, `userdatautils.py` and
`execcmd.py` of its `plugins/common`): the kinds are tried in a fixed order, a header must stand at byte 0, the tags
may stand anywhere and are matched to the nearest closing tag, and what matches nothing is logged and forgotten.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

MAX_ENCODED_BYTES = 16 * 1024
"""Largest user data, base64-encoded, that `RunInstances` takes (API description of `UserData`)."""

_GZIP_MAGIC = b"\x1f\x8b"
_MAX_UNPACKED_BYTES = 1024 * 1024


class ScriptKind(StrEnum):
    """Which interpreter cloudbase-init would start."""

    POWERSHELL = "powershell"
    BATCH = "batch"
    PYTHON = "python"
    SHELL = "shell"


@dataclass(frozen=True)
class Script:
    """One script that cloudbase-init would write to a file, byte for byte, and run."""

    kind: ScriptKind
    body: bytes


@dataclass(frozen=True)
class DecodedUserData:
    """The scripts in the order in which they run, and what the log of cloudbase-init would complain about."""

    scripts: tuple[Script, ...] = ()
    complaints: tuple[str, ...] = field(default=())


_HEADERS: tuple[tuple[re.Pattern[bytes], ScriptKind], ...] = (
    (re.compile(rb"^rem\s+cmd\s"), ScriptKind.BATCH),
    (re.compile(rb"^#!\s*/usr/bin/env\s+python\s"), ScriptKind.PYTHON),
    (re.compile(rb"^#!"), ScriptKind.SHELL),
    (re.compile(rb"^#(ps1|ps1_sysnative)\s"), ScriptKind.POWERSHELL),
    (re.compile(rb"^#ps1_x86\s"), ScriptKind.POWERSHELL),
)
_ANY_TAG = re.compile(rb"</?(script|powershell)>")
_SECTIONS: tuple[tuple[re.Pattern[bytes], ScriptKind], ...] = (
    # All <script> sections run before the first <powershell> section, wherever they stand.
    (re.compile(rb"<script>([\s\S]+?)</script>"), ScriptKind.BATCH),
    (re.compile(rb"<powershell>([\s\S]+?)</powershell>"), ScriptKind.POWERSHELL),
)


def decode_user_data(data: bytes) -> DecodedUserData:
    """Sort user data (already base64-decoded) into scripts. Never raises: the machine only logs what it cannot use."""
    complaints: list[str] = []
    encoded = (len(data) + 2) // 3 * 4
    if encoded > MAX_ENCODED_BYTES:
        complaints.append(
            f"user data is {len(data)} bytes, {encoded} when encoded; the API takes at most {MAX_ENCODED_BYTES} encoded"
        )
    if data.startswith(_GZIP_MAGIC):
        try:
            data = _gunzip(data)
        except (OSError, EOFError, zlib.error) as error:
            return DecodedUserData((), (*complaints, f"user data looks like gzip but does not unpack: {error}"))
    if not data.strip():
        return DecodedUserData((), tuple(complaints))
    if data.startswith((b"Content-Type: multipart", b"#cloud-config")):
        complaints.append("multipart and cloud-config user data are not played by the local guest")
        return DecodedUserData((), tuple(complaints))
    scripts = tuple(_find_scripts(data))
    if not scripts:
        complaints.append(_unsupported(data))
    complaints.extend(
        f"the {script.kind} script has bytes outside ASCII; a Chinese Windows reads them in code page 936"
        for script in scripts
        if not script.body.isascii()
    )
    return DecodedUserData(scripts, tuple(complaints))


def _gunzip(data: bytes) -> bytes:
    unpacked = gzip.decompress(data)
    if len(unpacked) > _MAX_UNPACKED_BYTES:
        raise OSError(f"unpacks to more than {_MAX_UNPACKED_BYTES} bytes")
    return unpacked


def _find_scripts(data: bytes) -> Iterator[Script]:
    for header, kind in _HEADERS:
        if header.search(data):
            yield Script(kind, data)
            return
    for section, kind in _SECTIONS:
        for body in section.findall(data):
            if body.strip():
                yield Script(kind, body.strip())


def _unsupported(data: bytes) -> str:
    if data.startswith(b"\xef\xbb\xbf"):
        return "unsupported user data format: a byte order mark stands before the header"
    if b"\x00<\x00" in data or data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "unsupported user data format: this looks like UTF-16, the tags are matched on bytes"
    if _ANY_TAG.search(data):
        return "no section: a tag is not closed, or nothing stands between the tags"
    return "unsupported user data format"
