"""Files that are replaced in one step: a reader, or a machine that vanishes, finds the old one or the new one."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from guest.phrases import with_phrases, without_phrases

# A reader on Windows holds a file for moments, during which it cannot be replaced.
REPLACE_SECONDS = 5.0


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a JSON file (UTF-8 without a byte order mark)."""
    replace_file(path, (json.dumps(with_phrases(document), ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None where there is no file or no object in it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return without_phrases(document) if isinstance(document, dict) else None


def replace_file(path: Path, content: bytes, *, private: bool = False, flushed: bool = True) -> None:
    """Replace a file's content, as `replacing` does. Raises OSError and leaves the old one then."""
    with replacing(path, private=private, flushed=flushed) as file:
        file.write(content)


@contextmanager
def replacing(path: Path, *, private: bool = False, flushed: bool = True) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` at the end; where anything is raised, the old one stays.

    `private`: only its owner can read it, from its first byte on. `flushed` False leaves out the wait until it is on
    the disk, for what need not outlive a power cut. What a power cut leaves of a draft ends in `.new`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    try:
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), _mode(private))
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            if flushed:
                os.fsync(file.fileno())
        move(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _mode(private: bool) -> int:
    return 0o600 if private else 0o666


def move(source: Path, target: Path) -> None:
    """Rename a file, replacing what has that name; borne for `REPLACE_SECONDS` when Windows refuses for a moment."""
    deadline = time.monotonic() + REPLACE_SECONDS
    while True:
        try:
            source.replace(target)
            return
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file as it is on the disk, in lower-case hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def file_git_hash(path: Path) -> str:
    """The SHA-1 under which git keeps a file of this content, in lower-case hexadecimal digits."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
