"""What the results of all functions have in common."""

from __future__ import annotations

import zlib
from collections.abc import Iterable


def list_id(identifiers: Iterable[str]) -> str:
    """The id of a list of found things: the CRC-32 of their ids, as the provider computes it."""
    return str(zlib.crc32("".join(f"{identifier}-" for identifier in identifiers).encode("utf-8")))
