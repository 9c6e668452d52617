"""One stack as Pulumi knows it: its configuration, its outputs, and the environment in which it lives.

Secrets stay in memory: they come from `pulumi ... --show-secrets` through a pipe, and are written nowhere.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from components.cloud import Access, Cloud, find_region
from components.lifecycle import candidate_zones
from components.settings import PROJECT, Settings, load_settings
from components.survey import NO_KEYS
from operate.failures import ExitCode, OperateError
from tools.pulumi_engine import HOME as ENGINE_HOME
from tools.rehearsal import LOCAL, PORT, STACK
from tools.workspace import ROOT, local_environment

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Stack:
    """`id` is organization/project/stack, as tags name it; `config` has every value as the program reads it.

    `encrypted` names the keys that the stack holds as secrets; secret outputs are left out.
    """

    name: str
    id: str
    project: Path = ROOT
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    encrypted: frozenset[str] = frozenset()
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @cached_property
    def settings(self) -> Settings:
        """The checked settings. Raises SettingsError that lists every mistake."""
        return load_settings(self.config, self.encrypted)

    @property
    def region(self) -> str:
        return find_region(self.config, self.environment)

    @property
    def state(self) -> str:
        """What the configuration wants: running or parked."""
        return self.config.get(f"{PROJECT}:state", "running")

    @property
    def machine_id(self) -> str:
        """The machine of the last update, which may be gone by now; empty without one."""
        return str(self.outputs.get("machineId") or "")

    @property
    def address(self) -> str:
        return str(self.outputs.get("address") or "")

    @property
    def zone(self) -> str:
        """The zone of the last update, else the first in which the stack would be launched."""
        return str(self.outputs.get("zone") or next(iter(candidate_zones(self.settings, self.region)), ""))

    @property
    def access(self) -> Access | None:
        return Access.find(self.config, self.environment)

    def cloud(self, patience_seconds: float = 10) -> Cloud:
        """Tencent Cloud with the stack's keys. Raises OperateError where there are none."""
        access = self.access
        if access is None:
            raise OperateError(
                f"{NO_KEYS[0].upper()}{NO_KEYS[1:]}.",
                "Set them, or use the rehearsal: --stack local.",
                ExitCode.TURNED_AWAY,
            )
        return Cloud(access, patience_seconds)


def open_stack(name: str | None) -> Stack:
    """Read a stack: the named one, else the one that is selected, else the rehearsal's. Raises OperateError."""
    project = find_project(Path.cwd())
    environment = find_environment(name)
    if name is None:
        name = _selected(project, environment)
        if name is None:
            name, environment = STACK, find_environment(STACK)
            if not is_rehearsal(name):
                raise OperateError(
                    "No stack is named and none is selected.",
                    "Name one with --stack, select one (pulumi stack select), or begin with the rehearsal: make up.",
                    ExitCode.BAD_INPUT,
                )
    with ThreadPoolExecutor(3) as pool:
        config = pool.submit(_read, project, environment, "config", "--json", "--show-secrets", "--stack", name)
        # Without the secret ones, whose decryption would take as long as all the rest.
        outputs = pool.submit(_read, project, environment, "stack", "output", "--json", "--stack", name)
        organization = pool.submit(_organization, project, environment, name)
        entries = config.result()
        values = {key: _value(entry) for key, entry in entries.items()}
        encrypted = frozenset(key for key, entry in entries.items() if entry.get("secret"))
        short = name.rpartition("/")[2]
        return Stack(
            short,
            f"{organization.result()}/{PROJECT}/{short}",
            project,
            values,
            encrypted,
            outputs.result(),
            environment,
        )


def read_secret(stack: Stack, output: str) -> str:
    """A secret output of the stack's last update. Raises OperateError."""
    run = _run(stack.project, stack.environment, "stack", "output", output, "--show-secrets", "--stack", stack.name)
    if run.returncode:
        raise explain_engine(run.stderr)
    return run.stdout.strip()


def list_stacks(stack: Stack) -> set[str]:
    """Names of all stacks of the project. Raises OperateError."""
    run = _run(stack.project, stack.environment, "stack", "ls", "--json")
    if run.returncode:
        raise explain_engine(run.stderr)
    return {str(one["name"]).rpartition("/")[2] for one in json.loads(run.stdout)}


def find_project(folder: Path) -> Path:
    """The project's folder: the current one where it is one of this project, else the program's own."""
    try:
        own = re.search(rf"^name:\s*{PROJECT}\s*$", (folder / "Pulumi.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        own = None
    return folder if own else ROOT


def is_rehearsal(name: str) -> bool:
    """Whether this is the stack of `make up`, which lives on the local cloud."""
    return name == STACK and (LOCAL / "cloud" / "keys.json").is_file() and (LOCAL / "state").is_dir()


def demand_rehearsal(stack: Stack) -> None:
    """Raise OperateError where the rehearsal's local cloud does not run; other stacks need none."""
    if not is_rehearsal(stack.name):
        return
    try:
        socket.create_connection(("127.0.0.1", PORT), timeout=2).close()
    except OSError:
        raise OperateError(
            f"The rehearsal's local cloud does not run (127.0.0.1:{PORT}).",
            "Start it: make up.",
            ExitCode.NO_CONNECTION,
        ) from None


def find_environment(name: str | None) -> dict[str, str]:
    """The variables for a stack's commands and calls: the caller's, and for the rehearsal those of the local cloud."""
    if name is not None and is_rehearsal(name):
        return {**os.environ, **local_environment(LOCAL, LOCAL / "cloud", PORT)}
    # The program's own Python first (its language host takes the first on the PATH), our engine last.
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), str(ENGINE_HOME / "bin")]
    return {**os.environ, "PATH": os.pathsep.join(path), "PULUMI_SKIP_UPDATE_CHECK": "true"}


def activate(stack: Stack) -> None:
    """Make the stack's environment this process's own: the SDK and the engine read proxy, keys and endpoint there."""
    os.environ.update(stack.environment)


def _selected(project: Path, environment: Mapping[str, str]) -> str | None:
    run = _run(project, environment, "stack", "--show-name")
    return run.stdout.strip() or None if run.returncode == 0 else None


def _organization(project: Path, environment: Mapping[str, str], name: str) -> str:
    """The organization as the program gets it: "organization" wherever the state is in plain files."""
    if "/" in name:
        return name.partition("/")[0]
    backend = environment.get("PULUMI_BACKEND_URL", "")
    if not backend:
        run = _run(project, environment, "whoami", "--verbose", "--output", "json")
        answer = json.loads(run.stdout) if run.returncode == 0 else {}
        backend = str(answer.get("url", ""))
        if backend.startswith("https://"):
            return str(answer.get("user") or "organization")
    return "organization"


def _plain(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs that are no secrets."""
    return {name: value for name, value in outputs.items() if value != "[secret]"}


def _value(entry: Mapping[str, Any]) -> str:
    """A config value as the program reads it: lists and maps as JSON text."""
    if "objectValue" in entry:
        return json.dumps(entry["objectValue"])
    return str(entry.get("value", ""))


def _read(project: Path, environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    run = _run(project, environment, *arguments)
    if run.returncode:
        raise explain_engine(run.stderr)
    answer: dict[str, Any] = json.loads(run.stdout or "{}")
    return answer


def _run(project: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
    try:
        return subprocess.run(
            command,
            cwd=project,
            env=dict(environment),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise OperateError(
            "The Pulumi engine is not installed.", "Run make up once, which fetches or builds it; or install Pulumi."
        ) from None
    except subprocess.TimeoutExpired:
        raise OperateError(
            f"Pulumi did not answer within {_TIMEOUT_SECONDS} s.", "Check its backend (pulumi whoami -v)."
        ) from None


def explain_engine(text: str) -> OperateError:
    """The engine's complaint as one plain message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
    last = next((line for line in reversed(errors) if line), lines[-1] if lines else "no reason given")
    if "no stack named" in text:
        return OperateError(f"{last[0].upper()}{last[1:]}.", "See pulumi stack ls.", ExitCode.BAD_INPUT)
    if "passphrase" in text:
        return OperateError(
            "The stack's secrets cannot be read: the passphrase is missing or wrong.",
            "Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.",
            ExitCode.TURNED_AWAY,
        )
    if "currently locked" in text:
        return OperateError(
            "Another update of this stack is under way.",
            "Wait for it; if it was cut off: pulumi cancel.",
            ExitCode.REFUSED,
        )
    return OperateError(f"Pulumi: {last}", "", ExitCode.FAILED)
