"""A clone of this working tree in another place, with an environment of its own: what a new user begins with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from rehearsal.engine import ROOT


@dataclass(frozen=True)
class Clone:
    """A copy of the project's files as git would have them, the uncommitted ones too."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Clone:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode("utf-8")
        for name in filter(None, listed.split("\0")):
            source, target = ROOT / name, folder / name
            if source.is_file() and not source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        return cls(folder)

    @property
    def environment(self) -> Path:
        return self.folder / ".venv"

    def lend(self) -> None:
        """An environment of its own that sees the packages of this one, and the engine that is built already.

        So a test need not fetch and build what thousands of tests before it had.
        """
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(self.environment)], check=True)
        packages = next(self.environment.glob("lib/python*/site-packages"))
        (packages / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
        install(self.environment, "--no-deps", "--no-build-isolation", "-e", str(self.folder))
        (self.environment / ".ready").touch()
        (self.folder / ".local").mkdir(exist_ok=True)
        (self.folder / ".local" / "engine").symlink_to((ROOT / ".local" / "engine").resolve())

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone, as somebody would who has nothing but it: no variables of this project's own."""
        kept = {
            k: v for k, v in os.environ.items() if not k.startswith(("PULUMI_", "CHATGLM_", "TENCENTCLOUD_", "PYTHON"))
        }
        for name in ("HTTP_PROXY", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL"):
            kept.pop(name, None)
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def install(environment: Path, *what: str) -> None:
    """pip install into an environment that need not have pip itself."""
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", *what], check=True)
