"""`python -m pip install`: asks the index for real, checks the lock's form, and installs what tells that it is there.

Nothing is resolved or built. With `--index-url` the index's page of every package is the question whether the index is
up; a wheel that is named is unpacked. As with pip, a package whose description is there is taken for installed,
whatever has become of its files; one of another version goes by the list of its files, and is an error without it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import zipfile

from localcloud.windows.world.inside import memory, plain
from localcloud.windows.world.inside.where import real

_FLAGS = {
    "--no-deps", "--no-index", "--no-build-isolation", "--no-input", "--require-hashes", "--disable-pip-version-check",
    "--no-warn-script-location", "--upgrade", "--force-reinstall", "--no-cache-dir", "--quiet", "-q", "--no-compile",
    "--prefer-binary", "--ignore-installed",
}  # fmt: skip
_VALUES = {"--index-url", "-i", "--retries", "--timeout", "-r", "--progress-bar", "--cache-dir", "--log"}
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")


def main(prefix: str, arguments: list[str]) -> int:
    """0; 1 when something cannot be installed, 2 for an argument that pip does not know."""
    site = real(f"{prefix}\\Lib\\site-packages")
    if not plain.is_dir(f"{site}/pip"):
        sys.stderr.write("C:\\miniconda3\\python.exe: No module named pip\n")
        return 1
    if arguments[:1] != ["install"]:
        sys.stderr.write(f"ERROR: unknown command {arguments[:1]}\n")
        return 1
    flags, values, wheels = set[str](), dict[str, str](), list[str]()
    words = arguments[1:]
    while words:
        word = words.pop(0)
        if word in _VALUES and words:
            values[word] = words.pop(0)
        elif word in _FLAGS:
            flags.add(word)
        elif word.startswith("-"):
            sys.stderr.write(f"no such option: {word}\n")
            return 2
        else:
            wheels.append(word)
    memory.note("pip", " ".join(arguments)[-200:])
    order = memory.fault("pip", " ".join(arguments)) or {}
    if "code" in order and not order.get("installs"):
        sys.stderr.write(order.get("says", "ERROR: Could not install packages due to an OSError: [Errno 28]\n"))
        return int(order["code"])
    time.sleep(0.2)
    for wheel in wheels:
        if not _unpack(real(wheel), wheel, site):
            return 1
    if "-r" in values and not _install_lock(values, flags, site):
        return 1
    return int(order.get("code", 0))


def _unpack(place: str, wheel: str, site: str) -> bool:
    if not plain.is_file(place):
        sys.stderr.write(f"WARNING: Requirement '{wheel}' looks like a filename, but the file does not exist\n")
        return False
    name, version = wheel.rpartition("\\")[2].split("-")[:2]
    try:
        with zipfile.ZipFile(place) as archive:
            if _is_known(site, name, version):
                sys.stdout.write(f"{name} is already installed with the same version as the provided wheel.\n")
                return True
            if not _take_away(site, name):
                return False
            archive.extractall(site)
            names = archive.namelist()
    except zipfile.BadZipFile:
        sys.stderr.write(f"ERROR: Wheel '{wheel}' located at {wheel} is invalid.\n")
        return False
    for folder in {name.partition("/")[0] for name in names if ".dist-info/" in name}:
        _sign(site, folder, names)
    return True


def _is_known(site: str, name: str, version: str) -> bool:
    return plain.is_file(f"{site}/{name}-{version}.dist-info/METADATA")


def _take_away(site: str, name: str) -> bool:
    """Uninstall what is there of a package, of another version."""
    for folder in [one for one in plain.listdir(site) if one.startswith(f"{name}-") and one.endswith(".dist-info")]:
        rows = [line.split(",") for line in plain.read_text_or(f"{site}/{folder}/RECORD").splitlines()]
        if not rows:
            sys.stderr.write(f"ERROR: Cannot uninstall {folder}, RECORD file was not found.\n")
            return False
        for path, *_ in rows:
            if plain.is_file(f"{site}/{path}"):
                plain.unlink(f"{site}/{path}")
    return True


def _sign(site: str, folder: str, names: list[str]) -> None:
    """The last that pip writes of a package: its own note, and the list of all files."""
    plain.write_text(f"{site}/{folder}/INSTALLER", "pip\n")
    listed = [one for one in [*names, f"{folder}/INSTALLER"] if not one.endswith("/RECORD")]
    rows = [f"{one},sha256=-,{plain.stat(f'{site}/{one}').st_size}" for one in listed]
    plain.write_text(f"{site}/{folder}/RECORD", "\n".join([*rows, f"{folder}/RECORD,,"]) + "\n")


def _install_lock(values: dict[str, str], flags: set[str], site: str) -> bool:
    with plain.open_plain(real(values["-r"]), encoding="utf-8") as file:
        text = file.read()
    pinned = [match for line in text.splitlines() if (match := _PINNED.match(line.strip()))]
    if "--require-hashes" in flags and text.count("--hash=sha256:") < len(pinned):
        sys.stderr.write("ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==.\n")
        return False
    index = values.get("--index-url") or values.get("-i")
    if index is None:
        sys.stderr.write("ERROR: this stand-in needs --index-url; the machine's scripts always name one.\n")
        return False
    retries, timeout = int(values.get("--retries", "5")), float(values.get("--timeout", "15"))
    for match in pinned[:1]:
        if not _ask(f"{index.rstrip('/')}/{match['name'].lower()}/", retries, timeout):
            sys.stderr.write(f"ERROR: No matching distribution found for {match[0]}\n")
            return False
    for match in pinned:
        name = match["name"].replace("-", "_")
        if _is_known(site, name, match["version"]):
            continue
        if not _take_away(site, name):
            return False
        folder = f"{name}-{match['version']}.dist-info"
        plain.make_folders(f"{site}/{folder}")
        described = f"Metadata-Version: 2.1\nName: {match['name']}\nVersion: {match['version']}\n"
        plain.write_text(f"{site}/{folder}/METADATA", described)
        _sign(site, folder, [f"{folder}/METADATA"])
    return True


def _ask(url: str, retries: int, timeout: float) -> bool:
    """Ask the index as often as pip would, with the machine's curl."""
    command = [os.environ["WORLD_PYTHON"], "-S", "-E", f"{os.environ['WORLD_INSIDE']}/run.py"]
    haste = float(os.environ.get("WORLD_HASTE", "1"))
    for attempt in range(retries + 1):
        code = subprocess.run(
            [*command, "curl.exe", "-f", "-s", "-o", "NUL", "--max-time", str(max(1.0, timeout / haste)), url],
            check=False,
        ).returncode
        if code == 0:
            return True
        sys.stderr.write(f"WARNING: Retrying (Retry(total={retries - attempt})) after connection broken: {url}\n")
        time.sleep(min(2.0, 0.25 * 2**attempt))
    return False
