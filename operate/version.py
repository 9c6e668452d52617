"""Which versions run together: of this project, of the engine, of Python."""

from __future__ import annotations

import platform
import subprocess
import tomllib

from rehearsal.engine import ROOT, VERSION
from words import phrase


def describe() -> str:
    """One line for a person, and for whoever is asked for help."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return phrase(
        "chatglm {project} ({commit}), for Pulumi {engine}, Python {python}",
        project=project,
        commit=_commit(),
        engine=VERSION,
        python=platform.python_version(),
    )


def _commit() -> str:
    """The clone's commit; the program may be called from anywhere, and git may distrust another user's folder."""
    command = ["git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return phrase("not a git clone")
