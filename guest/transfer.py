"""Files between this machine and the operator's computer, in pieces: the verbs `file`, `read`, `inflate`, `discard`.

Only files below the project's folder are touched. Every function takes and returns JSON objects.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from guest.errors import GuestError
from guest.files import file_sha256, replacing
from guest.machine import this_machine
from guest.phrases import phrase

#: One `read` at most: its answer is held in memory on both sides.
MAX_PIECE_BYTES = 64 * 1024**2
#: What a data set may have (see `guest.training.dataset`); a small archive must not fill the disk.
MAX_INFLATED_BYTES = 2 * 1024**3
#: So many digits of its content's hash begin the name of an upload (`operate.transfer.remote_name`).
_NAMED_DIGITS = 12
_BLOCK = 1 << 20


def describe(options: Mapping[str, Any]) -> dict[str, Any]:
    """Size and SHA-256 of a file (`path`); both null where there is none."""
    path = _own(options)
    if not path.is_file():
        return {"path": str(path), "bytes": None, "sha256": None}
    return {"path": str(path), "bytes": path.stat().st_size, "sha256": file_sha256(path)}


def read(options: Mapping[str, Any]) -> dict[str, Any]:
    """A piece of a file (`path`, `offset`, `bytes`) in base64; it may be shorter than asked for at the file's end.

    A negative offset counts from the end; the answer's is the place itself.
    """
    path = _own(options)
    offset, count = int(options.get("offset", 0)), int(options.get("bytes", MAX_PIECE_BYTES))
    if not 0 < count <= MAX_PIECE_BYTES:
        raise GuestError(
            phrase("A piece has 1 to {limit} bytes.", limit=MAX_PIECE_BYTES),
            phrase("Ask for less at once."),
        )
    try:
        with path.open("rb") as file:
            offset = offset if offset >= 0 else max(0, file.seek(0, os.SEEK_END) + offset)
            file.seek(offset)
            data = file.read(count)
    except OSError as error:
        raise GuestError(
            phrase("{path} cannot be read: {reason}.", path=path, reason=error.strerror),
            phrase("Look at what there is, and ask again."),
        ) from error
    return {"path": str(path), "offset": offset, "data": base64.b64encode(data).decode("ascii")}


def inflate(options: Mapping[str, Any]) -> dict[str, Any]:
    """Unpack an uploaded gzip file (`path`, ending in .gz) beside itself; `sha256` is that of what is inside.

    The unpacked file takes its name only when the hash is right. The packed one is removed then, and when it is wrong,
    but only where it is an upload: it lies in the inbox, under a name that begins with the hash of what is inside.
    """
    packed, announced = _own(options), str(options.get("sha256"))
    target = packed.with_suffix("")
    if packed.suffix != ".gz" or not packed.is_file():
        raise GuestError(phrase("There is no packed file {packed}.", packed=packed), phrase("Send it again."))
    uploaded = packed.parent == _inbox() and packed.name.startswith(f"{announced[:_NAMED_DIGITS]}-")
    try:
        with replacing(target) as out:
            digest, size = _inflate(packed, out)
            if digest != announced:
                raise GuestError(
                    phrase("{packed} holds something else than announced.", packed=packed.name),
                    phrase("Send it again."),
                )
    except GuestError:
        if uploaded:
            packed.unlink(missing_ok=True)
        raise
    if uploaded:
        packed.unlink(missing_ok=True)
    return {"path": str(target), "bytes": size, "sha256": digest}


def discard(options: Mapping[str, Any]) -> dict[str, Any]:
    """Remove a file (`path`) that was only there for a transfer: it would go into every image."""
    path = _own(options)
    if path.parent not in (_inbox(), _inbox().with_name("bundles")):
        raise GuestError(
            phrase("{path} is not a file of a transfer.", path=path),
            phrase("Only files of inbox and bundles are removed."),
        )
    existed = path.is_file()
    path.unlink(missing_ok=True)
    return {"path": str(path), "removed": existed}


VERBS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "file": describe,
    "read": read,
    "inflate": inflate,
    "discard": discard,
}


def _inbox() -> Path:
    return this_machine().root.resolve() / "inbox"


def _own(options: Mapping[str, Any]) -> Path:
    """The path in the options; raises GuestError when it leads out of the project's folder."""
    given, root = options.get("path"), this_machine().root.resolve()
    if not isinstance(given, str):
        raise GuestError(phrase("The path of a file is missing."), phrase('Give {"path": PATH}.'))
    path = Path(given).resolve()
    if not path.is_relative_to(root):
        raise GuestError(
            phrase("{given} is not below {root}.", given=given, root=root),
            phrase("Only the project's own files are handed out."),
        )
    return path


def _inflate(packed: Path, out: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    stream = zlib.decompressobj(wbits=31)  # 31: with gzip's header and checksum
    try:
        with packed.open("rb") as source:
            while block := source.read(_BLOCK):
                while block:
                    piece = stream.decompress(block, _BLOCK)
                    size += len(piece)
                    if size > MAX_INFLATED_BYTES:
                        raise GuestError(
                            phrase(
                                "{packed} unpacks to more than {limit:,} bytes.",
                                packed=packed.name,
                                limit=MAX_INFLATED_BYTES,
                            ),
                            phrase("Send a smaller file."),
                        )
                    digest.update(piece)
                    out.write(piece)
                    block = stream.unconsumed_tail
    except zlib.error as error:
        raise GuestError(
            phrase("{packed} is damaged ({error}).", packed=packed.name, error=error), phrase("Send it again.")
        ) from error
    return digest.hexdigest(), size
