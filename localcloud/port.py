"""The port of a local cloud: chosen once for its folder, and remembered there.

So everything that belongs to one folder finds the same cloud, and two folders never fight over a number.
"""

from __future__ import annotations

import socket
from pathlib import Path

from guest.files import replace_file

_FILE = "port"


def remember_port(data: Path, port: int) -> None:
    """Keep the port for the next start, and for those who want to reach the cloud of this folder."""
    replace_file(data / _FILE, f"{port}\n".encode("ascii"), flushed=False)


def remembered_port(data: Path) -> int | None:
    """The port of the last start, whether or not the cloud runs now; None before the first."""
    try:
        return int((data / _FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def choose_port(data: Path) -> int:
    """The remembered port while nobody else listens there, else a free one."""
    remembered = remembered_port(data)
    if remembered is not None and _is_free(remembered):
        return remembered
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the server binds: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
