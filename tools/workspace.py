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

from tools.pulumi_engine import ensure_engine

ROOT = Path(__file__).parent.parent
OFFICIAL_PLUGIN = Path.home() / ".pulumi" / "plugins" / "resource-tencentcloud-v0.2.3"
#: What a project folder needs to run the program.
PROGRAM = ("Pulumi.yaml", "__main__.py", "components", "templates", "guest", "requirements.txt")


def local_environment(home: Path, cloud_data: Path, port: int) -> dict[str, str]:
    """Variables with which Pulumi runs stacks on the local cloud of that port and nowhere else.

    `home` holds Pulumi's own files, the state and the passphrase. The official plug-in is used where it is installed;
    elsewhere the stand-in stands in its place, in a folder of plug-ins that only these stacks use.
    """
    keys = json.loads((cloud_data / "keys.json").read_text(encoding="utf-8"))
    path = [str(Path(sys.executable).parent), str(ensure_engine())]
    pulumi_home = OFFICIAL_PLUGIN.parent.parent if OFFICIAL_PLUGIN.exists() else home / "pulumi"
    for folder in (home / "state", pulumi_home):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not OFFICIAL_PLUGIN.exists():
        _link_stand_in(pulumi_home / "plugins" / OFFICIAL_PLUGIN.name)
    passphrase = home / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return {
        "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
        "PULUMI_HOME": str(pulumi_home),
        # Without the extra files for attributes, which are not written whole or not at all: an engine that was killed
        # while it wrote one would leave a stack that cannot be read.
        "PULUMI_BACKEND_URL": f"{(home / 'state').as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_RUN_PROGRAM": "true",  # a destroy runs the program, whose hooks guard the machine
        "CHATGLM_PYTHON": sys.executable,
        "CHATGLM_POLL_SECONDS": "0.3",  # the local cloud's time runs faster than real time
        "HTTP_PROXY": f"http://127.0.0.1:{port}",
        "TENCENTCLOUD_PROTOCOL": "HTTP",
        "TENCENTCLOUD_SECRET_ID": keys["secretId"],
        "TENCENTCLOUD_SECRET_KEY": keys["secretKey"],
    }


def _link_stand_in(folder: Path) -> None:
    """Put a link to the stand-in where the engine looks for the official plug-in of that version."""
    folder.mkdir(parents=True, exist_ok=True)
    launcher = ROOT / "localcloud" / "plugin" / "pulumi-resource-tencentcloud"
    with contextlib.suppress(FileExistsError):
        (folder / launcher.name).symlink_to(launcher)


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
        self.environment = {**os.environ, **local, "PULUMI_STACK": self.stack}
        if new:
            self._begin()

    def _lay_out(self) -> None:
        self.project.mkdir(parents=True)
        for name in PROGRAM:
            if (self.program / name).exists():
                (self.project / name).symlink_to(self.program / name)
        (self.project / ".venv").symlink_to(Path(sys.prefix))

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
    started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for child in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()
