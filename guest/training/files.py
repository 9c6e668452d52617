"""Files that are replaced in one step: a reader, or a machine that vanishes, finds the old one or the new one."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# A reader on Windows holds a file for moments, during which it cannot be replaced.
REPLACE_SECONDS = 5.0


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a JSON file (UTF-8 without a byte order mark)."""
    replace_file(path, (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None where there is no file or no object in it."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def replace_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    deadline = time.monotonic() + REPLACE_SECONDS
    while True:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
