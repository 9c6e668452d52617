"""The model's small files, fetched and kept on this computer, so that on the machine only the weights need a mirror.

They are upstream's own and no part of this project. A machine in the mainland gets them from the Hub and one mirror
alone, which leads back to the Hub for some files; from here they travel beside the second stage.
"""

from __future__ import annotations

import hashlib
import io
import threading
import time
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from components.bootstrap.sources import File
from guest.files import replace_file
from words import phrase

#: In all, in seconds: the machine starts meanwhile, and fetches for itself what does not come from here.
PATIENCE_SECONDS = 20.0
_CONNECT_SECONDS = 5.0
_READ_SECONDS = 5.0
_BLOCK = 1 << 14
_ZIP_TIME = (2023, 1, 1, 0, 0, 0)


def pack_model_files(files: Sequence[File], cache: Path, patience_seconds: float = PATIENCE_SECONDS) -> bytes | None:
    """A zip of those of `files` that lie in `cache` or can be fetched in time; None where there are none.

    Each is held to its size and SHA-256, in the cache too. Never raises for what the network or the disk does.
    """
    deadline = time.monotonic() + patience_seconds
    contents: dict[str, bytes] = {}
    lock = threading.Lock()

    def find(file: File) -> None:
        content = _cached(file, cache) or _fetch(file, deadline)
        if content is not None:
            _keep(file, cache, content)
            with lock:
                contents[file.id] = content

    with ThreadPoolExecutor(len(files) or 1) as pool:
        list(pool.map(find, files))
    if not contents:
        return None
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(contents):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, contents[name], compresslevel=9)
    return packed.getvalue()


def _is_right(file: File, content: bytes) -> bool:
    return len(content) == file.bytes and hashlib.sha256(content).hexdigest() == file.sha256


def _cached(file: File, cache: Path) -> bytes | None:
    try:
        content = (cache / str(file.sha256)).read_bytes()
    except OSError:
        return None
    return content if _is_right(file, content) else None


def _keep(file: File, cache: Path, content: bytes) -> None:
    path = cache / str(file.sha256)
    try:
        if not path.is_file() or path.stat().st_size != len(content):
            replace_file(path, content)
    except OSError:
        return  # fetched again next time


def _fetch(file: File, deadline: float) -> bytes | None:
    for url in file.urls:
        if time.monotonic() >= deadline:
            break
        try:
            content = _get(url, file.size, deadline)
        except (requests.RequestException, OSError, ValueError):
            continue
        if _is_right(file, content):
            return content
    return None


def _get(url: str, size: int, deadline: float) -> bytes:
    """What the address gives, one byte beyond `size` at most. Raises what `requests` raises, and OSError when late."""
    with requests.get(url, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)) as response:
        response.raise_for_status()
        content = bytearray()
        for block in response.iter_content(_BLOCK):
            content += block
            if len(content) > size:
                break
            if time.monotonic() >= deadline:
                raise TimeoutError(phrase("{url} takes too long", url=url))
    return bytes(content[: size + 1])
