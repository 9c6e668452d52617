"""PowerShell on this computer: where it is, and the library that the stand-ins need, compiled once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from localcloud.errors import LocalCloudError
from words import phrase

HERE = Path(__file__).parent
SCRIPTS = HERE / "powershell"
INSIDE = HERE / "inside"
_COMPILE_SECONDS = 120


def find_pwsh() -> Path | None:
    """`$PWSH`, or `pwsh` on the PATH; None where this computer has none. Set and empty, `$PWSH` says to go without."""
    told = os.environ.get("PWSH")
    found = told if told is not None else shutil.which("pwsh")
    return Path(found).resolve() if found and Path(found).is_file() else None


def is_wanted() -> bool:
    """Whether a local cloud's machines execute their scripts: where there is PowerShell, unless the twin is asked for.

    LOCALCLOUD_WINDOWS=twin asks for it: what is not about the machine's inside is tried faster that way.
    """
    return os.environ.get("LOCALCLOUD_WINDOWS") != "twin" and find_pwsh() is not None


def describe() -> str:
    """Who plays the machines here, in one line."""
    pwsh = find_pwsh()
    if os.environ.get("LOCALCLOUD_WINDOWS") == "twin":
        why = "LOCALCLOUD_WINDOWS=twin"
    elif pwsh is None:
        why = phrase("no pwsh on the PATH")
    else:
        return phrase("Windows is played with PowerShell ({pwsh}): the machines execute their own scripts.", pwsh=pwsh)
    return phrase("Windows is played without PowerShell ({why}): the machines' scripts are not executed.", why=why)


@cache
def library(pwsh: Path) -> Path:
    """The compiled library of the stand-ins; made by PowerShell itself at its first use. Raises LocalCloudError."""
    source = (SCRIPTS / "World.cs").read_bytes()
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chatglm-windows-world"
    made = folder / f"World-{hashlib.sha256(source + str(pwsh).encode()).hexdigest()[:16]}.dll"
    if made.is_file():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as work:
        target = Path(work) / "World.dll"
        command = (
            f"Add-Type -TypeDefinition ([IO.File]::ReadAllText('{SCRIPTS / 'World.cs'}')) -OutputAssembly '{target}' "
            "-IgnoreWarnings -WarningAction SilentlyContinue -ErrorAction Stop"
        )
        done = subprocess.run(
            [pwsh, "-NoProfile", "-NonInteractive", "-Command", command],
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
            env={**os.environ, "NO_COLOR": "1"},
            check=False,
        )
        if done.returncode != 0 or not target.is_file():
            raise LocalCloudError(f"PowerShell does not compile the world's library: {done.stdout}{done.stderr}")
        target.replace(made)
    return made
