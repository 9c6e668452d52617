"""Whether the files that a step uses are still what they were when they came: their hashes, read from the disk again.

Done after a failure only: it reads 13 GB. A download is compared with its hash before it gets its name, and the machine
may trust the name until something goes wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from guest.download.task import DONE, WAITING, Task
from guest.files import file_sha256, move

_SHA256_DIGITS = 64


def give_back_wrong(tasks: Sequence[Task], step: str) -> None:
    """Let those of the step's finished files be fetched anew that their hash does not fit. Says which."""
    for task in tasks:
        if task.step != step or task.state != DONE or not task.sha256:
            continue
        if len(task.sha256) != _SHA256_DIGITS:
            move(task.path, task.part)  # another kind of hash: the downloader compares it
        elif file_sha256(task.path) == task.sha256:
            continue
        else:
            sys.stdout.write(f"{task.id} has other bytes than it came with, and is fetched anew\n")
            task.path.unlink()
        task.state, task.done = WAITING, 0
