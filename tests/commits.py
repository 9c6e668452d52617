"""The commit whose tests a ledger speaks of."""

from __future__ import annotations

import subprocess
from pathlib import Path

# Not `rehearsal.engine`'s: the machine's own Python, in which the guest's tests run, lacks what that needs.
ROOT = Path(__file__).parents[1]


def described_commit(root: Path = ROOT) -> str:
    """The commit; ends with `-dirty` where files were changed since."""
    run = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(run, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
