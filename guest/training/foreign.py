"""Files that are no data set at all, by their first bytes: what they are, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from guest.phrases import phrase


@dataclass(frozen=True)
class Foreign:
    """`what` completes "the file is ..."."""

    what: str
    hint: str


_UNPACK = phrase("Unpack it, and give the data set that is inside.")
_SAVE_AS_CSV = phrase("Save the sheet as CSV (UTF-8) and give that.")
_CONVERT = phrase(
    "Convert it to JSON lines, for example with pandas: frame.to_json(FILE, orient='records', lines=True)."
)
_PAGE = Foreign(
    phrase("a web page (HTML)"),
    phrase("The download gave a page in place of the file, such as a log-in: fetch it anew."),
)
_MAGIC = (
    (b"\x1f\x8b", Foreign(phrase("a gzip archive"), phrase("Unpack it first: gunzip FILE."))),
    (b"BZh", Foreign(phrase("a bzip2 archive"), phrase("Unpack it first: bunzip2 FILE."))),
    (b"\xfd7zXZ\x00", Foreign(phrase("an xz archive"), phrase("Unpack it first: unxz FILE."))),
    (b"(\xb5/\xfd", Foreign(phrase("a zstd archive"), phrase("Unpack it first: unzstd FILE."))),
    (b"7z\xbc\xaf\x27\x1c", Foreign(phrase("a 7-Zip archive"), _UNPACK)),
    (b"Rar!\x1a\x07", Foreign(phrase("a RAR archive"), _UNPACK)),
    (b"PAR1", Foreign(phrase("a Parquet table"), _CONVERT)),
    (b"ARROW1", Foreign(phrase("an Arrow table"), _CONVERT)),
    (b"SQLite format 3\x00", Foreign(phrase("an SQLite database"), _CONVERT)),
    (b"%PDF-", Foreign(phrase("a PDF document"), phrase("A data set is JSON lines, a JSON array or CSV."))),
    (b"\xd0\xcf\x11\xe0", Foreign(phrase("an old Excel or Word document"), _SAVE_AS_CSV)),
    (b"\x93NUMPY", Foreign(phrase("a NumPy array"), _CONVERT)),
    (b"\x80\x02", Foreign(phrase("a Python pickle"), _CONVERT)),
    (b"\x80\x04", Foreign(phrase("a Python pickle"), _CONVERT)),
    (
        b"version https://git-lfs.github.com/spec/",
        Foreign(
            phrase("a Git LFS pointer, not the file that it stands for"), phrase("Fetch the file itself: git lfs pull.")
        ),
    ),
)
_TAR_AT = 257
_HTML = re.compile(rb"\s*<(!doctype\s+html|html|head|body|script)\b", re.IGNORECASE)
_XML = re.compile(rb"\s*<(\?xml|[A-Za-z])")


def recognise(head: bytes) -> Foreign | None:
    """What a file with these first bytes (some thousand) is, when it can be no data set."""
    for magic, foreign in _MAGIC:
        if head.startswith(magic):
            return foreign
    if head.startswith(b"PK\x03\x04"):
        sheet = b"xl/" in head or b"[Content_Types].xml" in head
        return (
            Foreign(phrase("an Excel workbook"), _SAVE_AS_CSV) if sheet else Foreign(phrase("a zip archive"), _UNPACK)
        )
    if head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return Foreign(phrase("a tar archive"), phrase("Unpack it first: tar -xf FILE."))
    if _HTML.match(head):
        return _PAGE
    if _XML.match(head):
        return Foreign("XML", phrase("A data set is JSON lines, a JSON array or CSV."))
    if head and not head.strip(b"\0"):
        return Foreign(
            phrase("damaged: it begins with zeros"), phrase("Bring it here again; the disk or a transfer broke it.")
        )
    return None
