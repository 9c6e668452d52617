"""Whether pip's packages are whole: the version, pip's own list, and the size of each file on it.

    python -m guest.installed [--again] (NAME==VERSION | LOCKFILE) ...

Ends with 1, and says on standard error what is not whole. With --again pip no longer knows of what is not whole: it
takes a package whose description is there for installed, whatever a power cut has left of its files.
"""

from __future__ import annotations

import csv
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
_ENDING = ".dist-info"


def wanted(words: list[str]) -> Iterator[tuple[str, str]]:
    """Names and versions: of words, and of the lines of lock files. Raises OSError for a lock that is not there."""
    for word in words:
        lines = [word] if "==" in word else Path(word).read_text(encoding="utf-8").splitlines()
        for line in lines:
            if match := _PINNED.match(line):
                yield match["name"], match["version"]


def trouble(site: Path, name: str, version: str, *, again: bool = False) -> str | None:
    """What is wrong with a package in the folder `site`; None when it is whole.

    With `again` the descriptions that are not whole are taken away. One of another version that is whole stays: pip
    needs it to take its files away.
    """
    folders = [path for path in site.glob(f"*{_ENDING}") if _normal(_parts(path)[0]) == _normal(name)]
    torn = {path: why for path in folders if (why := _damage(path))}
    if again:
        for path in torn:
            shutil.rmtree(path, ignore_errors=True)
    if torn:
        return next(iter(torn.values()))
    return None if [_parts(path)[1] for path in folders] == [version] else f"{name} {version} is not installed"


def _damage(folder: Path) -> str | None:
    """Why a package is not whole. pip writes the list of its files last, with its own note on it."""
    try:
        rows = list(csv.reader((folder / "RECORD").read_text(encoding="utf-8").splitlines()))
    except (OSError, ValueError, csv.Error):
        rows = []
    if f"{folder.name}/INSTALLER" not in {row[0].replace("\\", "/") for row in rows if row}:
        return f"pip did not finish {folder.name.removesuffix(_ENDING)}"
    for path, _, size in (row for row in rows if len(row) == 3):
        place = folder.parent / path
        if size and not (place.is_file() and place.stat().st_size == int(size)):
            return f"{place} is damaged"
    return None


def _parts(folder: Path) -> tuple[str, str]:
    name, _, version = folder.name.removesuffix(_ENDING).partition("-")
    return name, version


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(words: list[str]) -> int:
    again = "--again" in words
    # By its name on the machine, as rehearsals run another Python there.
    site = Path(sys.prefix, "Lib", "site-packages") if os.name == "nt" else Path(sysconfig.get_path("purelib"))
    told = [trouble(site, *one, again=again) for one in wanted([word for word in words if word != "--again"])]
    found = [one for one in told if one]
    sys.stderr.write("".join(f"{one}\n" for one in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
