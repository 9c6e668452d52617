"""Names the character encoding of text that is not UTF-8, so that a person knows what to convert from."""

from __future__ import annotations

import codecs
import re

UTF8 = "UTF-8"
UTF8_BOM = "UTF-8 with BOM"

_RUNS_OF_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def starts_as_utf16(head: bytes) -> bool:
    """Whether the first bytes of a file are those of UTF-16, which PowerShell's `>` writes.

    JSON begins with an ASCII character, so without a mark every other byte of UTF-16 JSON is zero.
    """
    return head.startswith(_UTF16_MARKS) or b"\0" in head[:4]


def name_encoding(sample: bytes) -> str:
    """The likely encoding of bytes that are not valid UTF-8: "GBK", "Windows-1252" or "unknown".

    Chinese text in GBK has its high bytes in pairs; Western text has single accented letters between plain ones.
    Decoding alone cannot tell them apart, since most byte strings are valid in both.
    """
    runs = [len(run) for run in _RUNS_OF_HIGH_BYTES.findall(sample)]
    paired = sum(length for length in runs if length > 1)
    if paired * 2 > sum(runs) and _decodes(sample, "gb18030"):
        return "GBK"
    if _decodes(sample, "cp1252"):
        return "Windows-1252"
    return "unknown"


def codec_of(name: str) -> str:
    """The name that `iconv` and Python know for what `name_encoding` returned."""
    return {"GBK": "GB18030", "Windows-1252": "CP1252", "UTF-16": "UTF-16"}.get(name, name)


def _decodes(sample: bytes, codec: str) -> bool:
    try:
        sample.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
