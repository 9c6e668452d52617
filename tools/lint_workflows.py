"""Lints the workflows: actionlint for their form, zizmor for their safety. `python -m tools.lint_workflows`

actionlint is built from its Go module (pinned in tools/go/actionlint) into an ignored folder, once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rehearsal.engine import ROOT

_MODULE = ROOT / "tools" / "go" / "actionlint"
_PACKAGE = "github.com/rhysd/actionlint/cmd/actionlint"
WORKFLOWS = ROOT / ".github" / "workflows"


class LinterError(Exception):
    """A linter cannot be had; the text says what to install."""


def ensure_actionlint() -> Path:
    """The linter's binary, of the version in go.mod. Raises LinterError."""
    line = next(line for line in (_MODULE / "go.mod").read_text(encoding="utf-8").splitlines() if "require" in line)
    program = ROOT / ".local" / "actionlint" / line.split()[-1] / "actionlint"
    if program.exists():
        return program
    if not shutil.which("go"):
        raise LinterError(
            "actionlint is built with Go, which is not here. Install Go 1.24 or newer (https://go.dev/dl)."
        )
    program.parent.mkdir(parents=True, exist_ok=True)
    made = program.with_suffix(f".{os.getpid()}")  # two may build at once
    run = subprocess.run(
        ["go", "build", "-o", made, _PACKAGE], cwd=_MODULE, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise LinterError(f"actionlint could not be built:\n{run.stderr[-2000:]}")
    made.rename(program)
    return program


def lint(folder: Path = WORKFLOWS) -> str:
    """What both linters find in a folder of workflows; empty when all is well. Raises LinterError."""
    files = sorted(map(str, folder.glob("*.yml")))
    zizmor = Path(sys.executable).with_name("zizmor")
    # Without shellcheck and pyflakes, which are not everywhere: the same findings on every computer.
    commands = [
        [str(ensure_actionlint()), "-no-color", "-shellcheck=", "-pyflakes=", *files],
        [str(zizmor), "--offline", "--no-progress", "--quiet", "--color", "never", *files],
    ]
    found = []
    for command in commands:
        run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if run.returncode:
            found.append(run.stdout + run.stderr)
    return "\n".join(found)


def main() -> int:
    try:
        found = lint()
    except LinterError as error:
        found = str(error)
    sys.stdout.write(found or f"{len(list(WORKFLOWS.glob('*.yml')))} workflows: no problem found\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
