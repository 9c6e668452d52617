"""Files of this computer as they are, for the world's own machinery: the machine's Python puts other rules over `os`.

Taken when the module is loaded, which is before that.
"""

from __future__ import annotations

import builtins
import os
import posix

open_plain = builtins.open
is_file, is_dir, folder_of, real_path = os.path.isfile, os.path.isdir, os.path.dirname, os.path.realpath
stat, listdir, readlink, rename, unlink, kill = (
    posix.stat, posix.listdir, posix.readlink, posix.rename, posix.unlink, posix.kill,
)  # fmt: skip


def exists(path: str) -> bool:
    """Whether something is there."""
    return posix.access(path, posix.F_OK)


def make_folders(path: str) -> None:
    """Make a folder and those above it."""
    if not exists(path):
        make_folders(path.rpartition("/")[0])
        posix.mkdir(path)


def read_text(path: str) -> str:
    """UTF-8 text, with or without a mark. Raises FileNotFoundError."""
    with open_plain(path, encoding="utf-8-sig") as file:
        return file.read()


def read_text_or(path: str, default: str = "") -> str:
    """The text, or the default where there is no file."""
    try:
        return read_text(path)
    except FileNotFoundError:
        return default


def write_text(path: str, text: str) -> None:
    """Replace a file; readers see the old text or the new one."""
    fresh = f"{path}.{os.getpid()}"
    with open_plain(fresh, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    rename(fresh, path)


def write_bytes(path: str, body: bytes, *, program: bool = False) -> None:
    """Write a file; a program may be run."""
    with open_plain(path, "wb") as file:
        file.write(body)
    if program:
        posix.chmod(path, 0o755)


def append(path: str, body: bytes) -> None:
    """Add to a file in one piece."""
    with open_plain(path, "ab", buffering=0) as file:
        file.write(body)
