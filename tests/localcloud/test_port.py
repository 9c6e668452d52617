"""One port for everything of a folder: chosen once, kept, and given up only to whoever took it meanwhile."""

from __future__ import annotations

import socket
from pathlib import Path

from localcloud.port import choose_port, remember_port, remembered_port


def test_a_folder_keeps_its_port(tmp_path: Path) -> None:
    assert remembered_port(tmp_path) is None
    port = choose_port(tmp_path)
    remember_port(tmp_path, port)
    assert choose_port(tmp_path) == port == remembered_port(tmp_path)


def test_two_folders_never_fight_over_a_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        remember_port(tmp_path, port)
        assert choose_port(tmp_path) != port


def test_a_spoiled_note_is_no_port(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("many", encoding="ascii")
    assert remembered_port(tmp_path) is None
