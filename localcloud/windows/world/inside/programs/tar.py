"""`tar.exe` of Windows (bsdtar): unpacks and lists zip and tar files; `-x`, `-t`, `-f`, `-C`, `--strip-components`."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field

from localcloud.windows.world.inside import memory, plain, sharing
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.exchange import exchange, is_manifest
from localcloud.windows.world.inside.where import RUN, real


class TarError(Exception):
    """What bsdtar says before it ends with 1."""


@dataclass
class _Wanted:
    mode: str = ""
    archive: str = ""
    folder: str = "."
    strip: int = 0
    verbose: bool = False
    names: list[str] = field(default_factory=list)


def main(call: Call) -> int:
    """The exit code, 0 or 1."""
    arguments = call.arguments
    order = memory.fault("tar", " ".join(arguments))
    if order and "code" in order:
        sys.stderr.write(order.get("says", "tar.exe: Error exit delayed from previous errors.\n"))
        return int(order["code"])
    try:
        wanted = _parse(arguments)
        for name, body in _members(real(wanted.archive)):
            parts = name.split("/")[wanted.strip :]
            if not any(parts) or (wanted.names and name not in wanted.names):
                continue
            if wanted.mode == "t":
                sys.stdout.write(f"{name}\n")
            else:
                _write(real(wanted.folder), parts, body)
    except (OSError, TarError, zipfile.BadZipFile, tarfile.TarError) as error:
        sys.stderr.write(f"tar.exe: {error}\ntar.exe: Error exit delayed from previous errors.\n")
        return 1
    return 0


def _parse(arguments: list[str]) -> _Wanted:
    wanted, words = _Wanted(), list(arguments)
    while words:
        word = words.pop(0)
        if word == "--strip-components":
            wanted.strip = int(words.pop(0))
        elif word.startswith("--strip-components="):
            wanted.strip = int(word.partition("=")[2])
        elif word == "-C":
            wanted.folder = words.pop(0)
        elif word.startswith("-") and not set(word[1:]) - set("xtfvmkz"):
            wanted.mode = next((letter for letter in word if letter in "xt"), wanted.mode)
            wanted.archive = words.pop(0) if "f" in word else wanted.archive
        elif word.startswith("-"):
            raise TarError(f"Option {word} is not supported")
        else:
            wanted.names.append(word)
    if wanted.mode not in {"x", "t"} or not wanted.archive:
        raise TarError("Must specify one of -c, -r, -t, -u, -x")
    return wanted


def _members(archive: str) -> Iterator[tuple[str, bytes]]:
    if not plain.is_file(archive):
        raise TarError("Error opening archive: Failed to open")
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for member in zipped.infolist():
                if not member.is_dir():
                    yield member.filename, zipped.read(member)
        return
    if not tarfile.is_tarfile(archive):
        raise TarError("Error opening archive: Unrecognized archive format")
    with tarfile.open(archive) as taped:
        for entry in taped:
            if (stream := taped.extractfile(entry)) is not None:
                yield entry.name, stream.read()


def _write(folder: str, parts: list[str], body: bytes) -> None:
    if ".." in parts:
        raise TarError(f"{'/'.join(parts)}: Path contains '..'")
    if plain.exists(f"{RUN}/disk-full"):
        raise TarError(f"{'/'.join(parts)}: Write failed: No space left on device")
    place = real(folder + "/" + "/".join(parts)) if folder.startswith("C:") else "/".join([folder, *parts])
    plain.make_folders(plain.folder_of(place))
    # bsdtar removes what stands in its way, which Windows refuses while somebody has it open.
    if plain.exists(place):
        if sharing.holder(place):
            raise TarError(f"{'/'.join(parts)}: Can't unlink already-existing object: Permission denied")
        plain.unlink(place)
    with plain.open_plain(place, "wb") as out:
        out.write(body)
    if is_manifest(place):
        exchange(place)
