"""Files of the machine's Python: Windows' paths, Windows' refusals, the code page of a Chinese Windows."""

from __future__ import annotations

import builtins
import io
import ntpath
import os
import posix
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from localcloud.windows.world.inside import memory, plain, sharing
from localcloud.windows.world.inside.exchange import exchange, is_manifest
from localcloud.windows.world.inside.where import DISK, RUN, real, spell

CODE_PAGE = "gbk"
_io_open = io.open
_FULL = (28, "No space left on device")


class RefusalError(PermissionError):
    """A refusal of Windows, in the machine's language, with Windows' number."""

    def __init__(self, number: int, text: str, path: str) -> None:
        super().__init__(13, text, path)
        self.winerror = number

    def __str__(self) -> str:
        return f"[WinError {self.winerror}] {self.strerror}: {self.filename!r}"


def _used(path: str) -> RefusalError:
    return RefusalError(32, "另一个程序正在使用此文件，进程无法访问。", path)


def text_encoding() -> str:
    """The encoding of text without a named one: the code page, or UTF-8 in Python's UTF-8 mode."""
    return "utf-8" if os.environ.get("PYTHONUTF8") == "1" else CODE_PAGE


def place_of(path: Any) -> Any:
    """The place of a path; numbers of open files stay as they are."""
    if isinstance(path, int):
        return path
    name = os.fsdecode(path)
    return "/dev/null" if name.lower() == "nul" else real(name)


def install() -> None:
    """Put the functions of `os` and `open` under Windows' rules."""
    os.path = sys.modules["os.path"] = ntpath
    ntpath.realpath = _real_path  # type: ignore[assignment]
    os.sep, os.altsep, os.pathsep, os.linesep, os.devnull = "\\", "/", ";", "\r\n", "nul"
    for name in ("stat", "lstat", "listdir", "mkdir", "access", "utime", "chmod", "readlink", "truncate"):
        setattr(os, name, _on_place(getattr(posix, name)))
    os.scandir = _Scan  # type: ignore[assignment]
    os.getcwd = lambda: spell(posix.getcwd())
    os.chdir = lambda path: posix.chdir(place_of(path))
    os.open = _open_number
    os.unlink = os.remove = _remove  # type: ignore[assignment]
    os.rmdir = _remove_folder  # type: ignore[assignment]
    os.rename = _rename  # type: ignore[assignment]
    os.replace = _replace  # type: ignore[assignment]
    os.supports_dir_fd, os.supports_fd = set(), set()
    io.open_code = lambda path: open_file(path, "rb")
    builtins.open = io.open = open_file
    import shutil

    shutil.disk_usage = _disk_usage  # type: ignore[assignment]
    shutil.which = _which  # type: ignore[assignment]
    shutil._use_fd_functions = False  # type: ignore
    shutil._USE_CP_SENDFILE = False  # type: ignore


def _real_path(path: Any, *, strict: bool = False) -> str:
    """The path in full and in the case in which it lies on the disk."""
    place = place_of(ntpath.abspath(path))
    if strict:
        posix.stat(place)
    return spell(place)


def _on_place(function: Callable[..., Any]) -> Callable[..., Any]:
    def called(path: Any = ".", *rest: Any, **options: Any) -> Any:
        return function(place_of(path), *rest, **options)

    return called


class _Entry:
    """One entry of a folder, with Windows' spelling of its path."""

    def __init__(self, folder: str, entry: os.DirEntry[str]) -> None:
        self._entry = entry
        self.name = entry.name
        self.path = ntpath.join(folder, entry.name)
        self.is_dir, self.is_file, self.is_symlink = entry.is_dir, entry.is_file, entry.is_symlink
        self.stat, self.inode = entry.stat, entry.inode

    def __fspath__(self) -> str:
        return self.path


class _Scan:
    """`os.scandir` by Windows' paths."""

    def __init__(self, path: Any = ".") -> None:
        self._folder, self._entries = os.fspath(path), posix.scandir(place_of(path))

    def __iter__(self) -> Iterator[_Entry]:
        return self

    def __next__(self) -> _Entry:
        return _Entry(self._folder, next(self._entries))

    def __enter__(self) -> _Scan:
        return self

    def __exit__(self, *_: object) -> None:
        self._entries.close()

    def close(self) -> None:
        self._entries.close()


def _remove(path: Any, *, dir_fd: None = None) -> None:  # noqa: ARG001
    place = place_of(path)
    if plain.is_dir(place):
        raise RefusalError(5, "拒绝访问。", os.fspath(path))
    if plain.exists(place) and sharing.holder(place):
        raise _used(os.fspath(path))
    posix.unlink(place)


def _remove_folder(path: Any, *, dir_fd: None = None) -> None:  # noqa: ARG001
    place = place_of(path)
    if sharing.holder(place):
        raise _used(os.fspath(path))
    posix.rmdir(place)


def _rename(source: Any, target: Any, *, src_dir_fd: None = None, dst_dir_fd: None = None) -> None:  # noqa: ARG001
    place = place_of(target)
    if plain.exists(place) and place.lower() != place_of(source).lower():
        error = FileExistsError(17, "当文件已存在时，无法创建该文件。", os.fspath(source), None, os.fspath(target))
        raise error
    _move(source, target)


def _replace(source: Any, target: Any, *, src_dir_fd: None = None, dst_dir_fd: None = None) -> None:  # noqa: ARG001
    place = place_of(target)
    if plain.is_dir(place):
        raise RefusalError(5, "拒绝访问。", os.fspath(source))
    if plain.exists(place) and sharing.holder(place):
        raise RefusalError(5, "拒绝访问。", os.fspath(source))
    _move(source, target)


def _move(source: Any, target: Any) -> None:
    old, new = place_of(source), place_of(target)
    order = memory.fault("rename", spell(new))
    if order:
        raise RefusalError(5, "拒绝访问。", os.fspath(source))
    if sharing.holder(old):
        raise _used(os.fspath(source))
    posix.rename(old, new)
    written(new)


def written(place: str) -> None:
    """A file has its final content: the manifest is exchanged, a status is counted."""
    if place.endswith("/state/status.json"):
        memory.count("status", spell(place))
    if is_manifest(place):
        exchange(place)


def is_full(path: str) -> bool:
    """Whether the disk was ordered to be full for this file."""
    try:
        match = plain.read_text(f"{RUN}/disk-full")
    except FileNotFoundError:
        return False
    return not match or re.search(match, path, re.IGNORECASE) is not None


class _FullFile(io.FileIO):
    def write(self, data: Any, /) -> int:  # noqa: ARG002
        raise OSError(*_FULL)


class _FinalFile(io.BufferedWriter):
    """A file that is looked at when it is closed."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self._place = str(raw.name)

    def close(self) -> None:
        super().close()
        written(self._place)


def open_file(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """`open` as on Windows: no folder, nothing that another program lets nobody write, lines end in CR LF."""
    place = place_of(file)
    writes = bool(set(mode) & set("wax+"))
    if "b" not in mode:
        encoding = text_encoding() if encoding in {None, "locale"} else encoding
        if writes and "+" not in mode and newline is None:
            newline = "\r\n"
    if isinstance(place, str) and place.startswith(f"{DISK}/"):
        if plain.is_dir(place):
            raise PermissionError(13, "Permission denied", os.fspath(file))
        if writes and plain.exists(place) and sharing.denies_writing(place):
            raise PermissionError(13, "Permission denied", os.fspath(file))
        special = _FullFile if writes and is_full(spell(place)) else None
        if special or (writes and "+" not in mode and is_manifest(place)):
            raw = (special or io.FileIO)(place, mode.replace("b", "").replace("t", ""))
            buffered = (io.BufferedWriter if special else _FinalFile)(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)
    return _io_open(place, mode, buffering, encoding, errors, newline, closefd, opener)


def _open_number(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:  # noqa: ARG001
    place = place_of(path)
    if place.startswith(f"{DISK}/") and plain.is_dir(place):
        raise PermissionError(13, "Permission denied", os.fspath(path))
    return posix.open(place, flags, mode)


def _disk_usage(path: Any) -> tuple[int, int, int]:
    """Total, used and free bytes of the machine's disk, as it was ordered."""
    import shutil

    posix.stat(place_of(path))
    total = 80 << 30
    free = int(plain.read_text_or(f"{RUN}/disk-free", str(60 << 30)))
    usage: tuple[int, int, int] = shutil._ntuple_diskusage(total, total - free, free)
    return usage


def _which(cmd: str, mode: int = os.F_OK | os.X_OK, path: str | None = None) -> str | None:  # noqa: ARG001
    from localcloud.windows.world.inside import starting

    name = cmd if cmd.lower().endswith(".exe") else f"{cmd}.exe"
    if name.lower() in starting.PROGRAMS:
        return f"C:\\Windows\\System32\\{name}"
    try:
        return spell(starting.search(name))
    except FileNotFoundError:
        return None
