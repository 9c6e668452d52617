"""The programs of the machine, each by the name that Windows gives it; `main(program, arguments)` gives the exit code.

Each is strict: an argument that the real program does not know is its own error, as it would be on Windows.
"""

from __future__ import annotations

import json

from localcloud.windows.world.inside import plain
from localcloud.windows.world.inside.where import real


def version_in(program: str) -> str:
    """The release that a downloaded installer says it is."""
    with plain.open_plain(real(program), "rb") as file:
        head = file.readline()
    return str(json.loads(head[2:])["version"])
