"""A script's answer, packed: for ways that wrap, cut or recode what a script prints."""

from __future__ import annotations

import base64
import re
import zlib

from line.channel import VerbFailedError
from words import phrase

#: Printed around the answer: what else the machine prints, or where TAT cut, must not pass for it.
_ANSWER = re.compile(rb"<chatglm (-?\d+) ([A-Za-z0-9+/=\s]*) chatglm>")

#: Packs a text for the narrow way back, past PowerShell's formatting, which wraps at a console's width.
PACK = """
function Write-Packed([int]$Code, [string]$Text) {
    $bytes = [Text.Encoding]::UTF8.GetBytes($Text)
    $packed = New-Object IO.MemoryStream
    $deflate = New-Object IO.Compression.DeflateStream $packed, ([IO.Compression.CompressionMode]::Compress)
    $deflate.Write($bytes, 0, $bytes.Length)
    $deflate.Close()
    [Console]::Out.WriteLine('<chatglm ' + $Code + ' ' + [Convert]::ToBase64String($packed.ToArray()) + ' chatglm>')
}
"""


class TooLongError(VerbFailedError):
    """The machine's answer does not fit through TAT."""


def unpack(printed: bytes, exit_code: int, *, was_cut: bool = False) -> tuple[int, bytes]:
    """The code and the text in UTF-8 that the script packed. Raises TooLongError or VerbFailedError where none came."""
    found = _ANSWER.search(printed)
    if found:
        try:
            packed = base64.b64decode(found[2])
            # .NET makes nothing of nothing, which is no deflate stream.
            return int(found[1]), zlib.decompress(packed, wbits=-zlib.MAX_WBITS) if packed else b""
        except (ValueError, zlib.error):
            pass
    if was_cut or b"<chatglm" in printed:
        raise TooLongError(
            phrase("The answer is longer than TAT carries (24 KB)."),
            phrase("Ask for less, or over WinRM once its port is open."),
        )
    said = printed.decode("utf-8", "replace").strip()[-500:]
    raise VerbFailedError(
        phrase("The command printed no answer (exit code {exit_code}): {said}", exit_code=exit_code, said=said)
    )
