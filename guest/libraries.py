"""Where Python finds its own libraries on the machine, however it was started.

Conda keeps those of TLS, sqlite and ctypes in a folder that only its activation puts on the PATH. The scripts do that
too, but a program that the task scheduler starts (a training, an evaluation) has Windows' own PATH.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from guest import paths

#: Behind Windows' own folders, whose curl and tar are meant.
FOLDERS = (paths.CONDA, f"{paths.CONDA}\\Library\\bin")


def find_libraries(environment: MutableMapping[str, str]) -> None:
    """Add the folders to the PATH, for this process and its children, where they are not on it yet."""
    there = environment.get("PATH", "").split(";")
    known = {folder.rstrip("\\").lower() for folder in there}
    environment["PATH"] = ";".join([*there, *(folder for folder in FOLDERS if folder.lower() not in known)])
    # Python itself does not look there since 3.8, unless it is Conda's own.
    add = getattr(os, "add_dll_directory", None)
    for folder in FOLDERS:
        if add is not None and os.path.isdir(folder):  # noqa: PTH112 - nothing that needs libraries is imported here
            add(folder)
