"""Names the character encoding of text that is not UTF-8, so that a person knows what to convert from."""

from __future__ import annotations

import codecs
import re

UTF8 = "UTF-8"
UTF8_BOM = "UTF-8 with BOM"
UNKNOWN = "unknown"

_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
# By codec, the likelier ones for a Chinese model first; what a person and iconv call them.
_NAMES = {
    "gb18030": ("GBK", "GB18030"),
    "big5": ("Big5", "BIG5"),
    "cp1252": ("Windows-1252", "CP1252"),
    "cp932": ("Shift-JIS", "CP932"),
    "euc_jp": ("EUC-JP", "EUC-JP"),
    "cp949": ("EUC-KR", "CP949"),
    "cp1251": ("Windows-1251", "CP1251"),
}
_ICONV = {**dict(_NAMES.values()), "UTF-16": "UTF-16", "UTF-32": "UTF-32"}
# Where several encodings fit equally well: letters, and the least share of them in a text beyond ASCII.
_SCRIPTS = {
    "cp949": (re.compile("[\uac00-\ud7a3]"), 0.95),
    "cp932": (re.compile("[\u3040-\u30ff]"), 0.3),
    "euc_jp": (re.compile("[\u3040-\u30ff]"), 0.3),
    "cp1251": (re.compile("[\u0400-\u04ff]"), 0.9),
}
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
#: Below so many bytes beyond ASCII several encodings fit about equally well, and the order above decides.
_SHORT = 64
_SHORT_TOLERANCE = 0.06


def name_by_mark(head: bytes) -> str | None:
    """UTF-16 or UTF-32 by the first bytes of a file, else None; PowerShell's `>` writes UTF-16.

    JSON and CSV begin with an ASCII character, so without a mark every other byte of UTF-16 is zero.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    start = head[:4]
    if len(start) == 4 and start.count(0) == 3 and (start[0] or start[3]):
        return "UTF-32"
    if len(start) >= 2 and (start[0] == 0) != (start[1] == 0):
        return "UTF-16"
    return None


def name_encoding(sample: bytes) -> str:
    """The likely encoding of bytes that are not valid UTF-8, such as "GBK" or "Big5", or "unknown"."""
    # Not at the top: the machine's verbs must work before its packages are installed.
    from charset_normalizer import from_bytes

    found = list(from_bytes(sample, cp_isolation=list(_NAMES)))
    if not found:
        return UNKNOWN
    least = min(match.chaos for match in found)
    short = sum(map(len, _HIGH_BYTES.findall(sample))) < _SHORT
    limit = least + (_SHORT_TOLERANCE if short else 0.0)
    likely = {match.encoding for match in found if match.chaos <= limit}
    if len(likely) > 1:
        likely = {codec for codec in likely if _is_own_script(sample, codec)} or likely
    return next((_NAMES[codec][0] for codec in (*_SCRIPTS, *_NAMES) if codec in likely), UNKNOWN)


def _is_own_script(sample: bytes, codec: str) -> bool:
    """Whether the text has enough of the letters that only this encoding's languages have; others have none."""
    if codec not in _SCRIPTS:
        return True
    letters, share = _SCRIPTS[codec]
    text = [char for char in sample.decode(codec, "ignore") if char > "\x7f"]
    return len(letters.findall("".join(text))) >= share * len(text)


def codec_of(name: str) -> str:
    """The name that `iconv` and Python know for what `name_encoding` returned."""
    return _ICONV.get(name, name)
