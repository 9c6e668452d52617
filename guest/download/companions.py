"""Takes in files that came over the channel, beside the second stage: what lies here need not be fetched.

Nothing in them is trusted: each file is held to its size and hash in the manifest, as one from a mirror is.
"""

from __future__ import annotations

import hashlib
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from guest.download.ledger import Ledger
from guest.download.part import Part
from guest.download.task import DONE, Task
from guest.paths import MODEL_FILES_NAME

#: Larger ones do not come this way.
_MAX_BYTES = 1 << 20


def take_in(root: Path, tasks: Sequence[Task], ledger: Ledger) -> None:
    """Give the tasks whose files came their files, and remove what brought them. Never raises for what came."""
    came = root / "inbox" / MODEL_FILES_NAME
    if not came.is_file():
        return
    try:
        with zipfile.ZipFile(came) as archive:
            names = set(archive.namelist())
            for task in tasks:
                if task.state != DONE and task.id in names and task.sha256 and (task.size or _MAX_BYTES) < _MAX_BYTES:
                    _take(archive, task, ledger)
    except (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        sys.stderr.write(f"{came} cannot be used, and its files are fetched: {error}\n")
    came.unlink(missing_ok=True)


def _take(archive: zipfile.ZipFile, task: Task, ledger: Ledger) -> None:
    with archive.open(task.id) as file:
        content = file.read(_MAX_BYTES)
    if len(content) != task.size or hashlib.sha256(content).hexdigest() != task.sha256:
        sys.stderr.write(f"{task.id} came as another file than the manifest names, and is fetched\n")
        return
    part = Part(task)
    part.clear()
    with part.appending() as out:
        out.write(content)
    part.place()
    task.state, task.done = DONE, len(content)
    ledger.note(task)
