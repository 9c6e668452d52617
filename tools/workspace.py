"""Pulumi commands against a local cloud: the environment that they need, and a throw-away project folder."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from rehearsal.engine import ROOT
from rehearsal.environment import local_environment
from words import VARIABLE

#: What a project folder needs to run the program.
PROGRAM = (
    "Pulumi.yaml",
    "__main__.py",
    "components",
    "guest",
    "line",
    "tencent",
    "words",
    "templates",
    "requirements.txt",
)


@dataclass(frozen=True)
class Result:
    """How a command ended. `text` is all that it printed."""

    code: int
    text: str

    @property
    def ok(self) -> bool:
        return self.code == 0


@dataclass
class Workspace:
    """A project folder of links to this program, with a stack of its own. For tests and benchmarks.

    A folder that holds one already is opened as it is: so a copy of a folder is a copy of the stack.
    """

    folder: Path
    cloud_data: Path
    port: int
    stack: str = "rehearsal"
    settings: dict[str, str] = field(default_factory=dict)
    program: Path = ROOT

    def __post_init__(self) -> None:
        self.project = self.folder / "project"
        new = not self.project.exists()
        if new:
            self._lay_out()
        local = local_environment(self.folder, self.cloud_data, self.port)
        # Named, not selected: Pulumi keeps selections by the project's path, which a copy does not share.
        # Programs read what is said here, such as the prices of a preview: in one language, whoever runs them.
        self.environment = {**os.environ, **local, "PULUMI_STACK": self.stack, VARIABLE: "en"}
        if new:
            self._begin()

    def _lay_out(self) -> None:
        self.project.mkdir(parents=True)
        self.link_program(self.program)
        (self.project / ".venv").symlink_to(Path(sys.prefix))

    def link_program(self, program: Path) -> None:
        """Let the stack be run by the program of that folder from now on."""
        for name in PROGRAM:
            (self.project / name).unlink(missing_ok=True)
            if (program / name).exists():
                (self.project / name).symlink_to(program / name)

    def _begin(self) -> None:
        self.password = f"Rehearsal-{secrets.token_hex(8)}"
        self.pulumi("stack", "init", self.stack, check=True)
        first = {"tencentcloud:region": "ap-guangzhou", "chatglm:operatorCidrs[0]": "127.0.0.1/32", **self.settings}
        self.set(first)
        self.pulumi("config", "set", "--secret", "chatglm:adminPassword", stdin=self.password, check=True)

    def pulumi(
        self, *arguments: str, stdin: str | None = None, check: bool = False, more: Mapping[str, str] | None = None
    ) -> Result:
        run = subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=self.project,
            env={**self.environment, **(more or {})},
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if check and run.returncode:
            raise RuntimeError(f"pulumi {' '.join(arguments)} failed:\n{run.stdout}")
        return Result(run.returncode, run.stdout)

    def set(self, settings: Mapping[str, str]) -> None:
        """Set config keys; a key with `[n]` at its end names an item of a list."""
        pairs = [part for key, value in settings.items() for part in ("--plaintext", f"{key}={value}")]
        self.pulumi("config", "set-all", "--path", *pairs, check=True)

    def up(self, state: str | None = None, *options: str, more: Mapping[str, str] | None = None) -> Result:
        if state:
            self.set({"chatglm:state": state})
        return self.pulumi("up", "--yes", "--skip-preview", *options, more=more)

    def preview(self, *options: str) -> Result:
        return self.pulumi("preview", *options)

    def destroy(self, *options: str) -> Result:
        return self.pulumi("destroy", "--yes", "--skip-preview", *options)

    def outputs(self) -> dict[str, Any]:
        found = json.loads(self.pulumi("stack", "output", "--json", check=True).text)
        assert isinstance(found, dict)  # noqa: S101 - narrows the type for the reader and mypy
        return found

    def start_up(self) -> subprocess.Popen[str]:
        """An update in a process group of its own, to be killed in the midst of it."""
        return self.start("up")

    def start(self, command: str, more: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """`up` or `destroy` in a process group of its own, to be interrupted or killed in the midst of it."""
        return subprocess.Popen(
            ["pulumi", command, "--yes", "--skip-preview", "--non-interactive", "--color", "never"],
            cwd=self.project,
            env={**self.environment, **(more or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the engine, and to the program and the plug-in, which run in process groups of their own."""
    started = []
    with contextlib.suppress(psutil.NoSuchProcess):  # it may have ended, and been waited for, by itself
        started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
