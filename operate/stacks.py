"""One stack as Pulumi knows it: its configuration, its outputs, and the environment in which it lives.

Secrets stay in memory: they come from `pulumi ... --show-secrets` through a pipe, and are written nowhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import yaml

from components.identity import Identity
from components.prior import unknown_form
from components.settings import PROJECT, Settings, load_settings
from components.survey import NO_KEYS
from components.zones import candidate_zones
from operate.errors import ExitCode, OperateError
from operate.queries import NoStackError, ask, no_engine, read, read_text
from rehearsal.engine import HOME as ENGINE_HOME
from rehearsal.engine import ROOT
from rehearsal.environment import LOCAL, STACK, rehearsal_environment
from tencent.access import Access, AccessError, find_region
from tencent.cloud import Cloud
from words import phrase


@dataclass(frozen=True)
class Stack:
    """`id` is organization/project/stack, as tags name it; `config` has every value as the program reads it.

    `encrypted` names the keys that the stack holds as secrets; secret outputs are left out. A stack that does not
    exist was removed, or never made. `identity` is what the state holds where no update has told it yet.
    """

    name: str
    id: str
    project: Path = ROOT
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    encrypted: frozenset[str] = frozenset()
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    exists: bool = True
    identity: Identity | None = None

    @property
    def file(self) -> Path:
        """Where the engine keeps the configuration."""
        return stack_file(self.project, self.name)

    @cached_property
    def settings(self) -> Settings:
        """The checked settings. Raises SettingsError that lists every mistake."""
        return load_settings(self.config, self.encrypted)

    @property
    def known_settings(self) -> Settings | None:
        """The settings; None where the stack was removed and its configuration with it."""
        return self.settings if self.exists else None

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
                phrase(NO_KEYS),
                phrase("Set them, or use the rehearsal: --stack local."),
                ExitCode.TURNED_AWAY,
            )
        return Cloud(access, patience_seconds)


def open_stack(name: str | None, *, lost_too: bool = False) -> Stack:
    """Read a stack: the named one, else the one that is selected, else the rehearsal's.

    With `lost_too` a name that the backend does not hold is opened as well, without outputs and with what its file
    still says: what a removed stack left in the cloud carries its name. Raises OperateError.
    """
    project = find_project(Path.cwd())
    environment = find_environment(name)
    if name is None:
        name = _selected(project, environment)
        if name is None:
            name, environment = STACK, find_environment(STACK)
            if not is_rehearsal(name):
                raise OperateError(
                    phrase("No stack is named and none is selected."),
                    phrase(
                        "Name one with --stack, select one (chatglm pulumi stack select), or begin with the "
                        "rehearsal: make up."
                    ),
                    ExitCode.BAD_INPUT,
                )
    short = name.rpartition("/")[2]
    demand_place(project, short)
    with ThreadPoolExecutor(3) as pool:
        config = pool.submit(read, project, environment, "config", "--json", "--show-secrets", "--stack", name)
        # Without the secret ones, whose decryption would take as long as all the rest.
        outputs = pool.submit(read, project, environment, "stack", "output", "--json", "--stack", name)
        organization = pool.submit(_organization, project, environment, name)
        stack_id = f"{organization.result()}/{PROJECT}/{short}"
        try:
            entries = config.result()
        except NoStackError:
            if not lost_too:
                raise
            left = read_plain(stack_file(project, short))
            return Stack(short, stack_id, project, left, environment=environment, exists=False)
        values = {key: _value(entry) for key, entry in entries.items()}
        encrypted = frozenset(key for key, entry in entries.items() if entry.get("secret"))
        try:
            Access.find(values, environment)
        except AccessError as error:
            raise OperateError(str(error), code=ExitCode.BAD_INPUT) from None
        told = outputs.result()
        if reason := unknown_form(told):
            raise OperateError(reason, code=ExitCode.BAD_INPUT)
        held = None if told.get("identity") else _held_identity(project, environment, name)
        return Stack(short, stack_id, project, values, encrypted, told, environment, identity=held)


def _held_identity(project: Path, environment: Mapping[str, str], name: str) -> Identity | None:
    """Of a state that no update has brought to its end: it may own a machine all the same."""
    deployment = read(project, environment, "stack", "export", "--stack", name).get("deployment") or {}
    resources = {str(one["urn"]): one for one in deployment.get("resources") or () if "urn" in one}
    return Identity.from_state(resources)


def nothing_left(stack: Stack) -> OperateError:
    """A name that neither the backend nor the cloud knows: most likely a slip of the pen."""
    return NoStackError(
        phrase(
            "There is no stack {stack!r}, and nothing in the cloud carries its name ({stack_id}).",
            stack=stack.name,
            stack_id=stack.id,
        ),
        phrase("See chatglm pulumi stack ls."),
        ExitCode.BAD_INPUT,
    )


def demand_place(project: Path, name: str) -> None:
    """Raise OperateError where a stack's file still lies where 0.1.0 kept it: the engine reads it no more."""
    file, earlier = stack_file(project, name), project / f"Pulumi.{name}.yaml"
    if file == earlier or file.exists() or not earlier.exists():
        return
    if "encryptionsalt" in earlier.read_text(encoding="utf-8"):  # an example has none
        raise OperateError(
            phrase(
                "{earlier} lies where version 0.1.0 kept it; the engine looks for it in {folder}/.",
                earlier=earlier.name,
                folder=file.parent.name,
            ),
            f"mkdir -p {file.parent.name} && mv {earlier.name} {file.parent.name}/",
            ExitCode.BAD_INPUT,
        )


def stack_file(project: Path, name: str) -> Path:
    """Where the engine keeps a stack's configuration: in the folder that the project's stackConfigDir names."""
    try:
        folder = yaml.safe_load((project / "Pulumi.yaml").read_text(encoding="utf-8")).get("stackConfigDir") or ""
    except (OSError, AttributeError, yaml.YAMLError):
        folder = ""
    return project / folder / f"Pulumi.{name}.yaml"


def read_plain(file: Path) -> dict[str, str]:
    """The values of a stack's file that are no secrets, as the program reads them; none without the file."""
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return {}
    plain = {key: value for key, value in (config or {}).items() if not (isinstance(value, dict) and "secure" in value)}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in plain.items()}


def read_secret(stack: Stack, output: str) -> str:
    """A secret output of the stack's last update. Raises OperateError."""
    command = ("stack", "output", output, "--show-secrets", "--stack", stack.name)
    return read_text(stack.project, stack.environment, *command).strip()


def list_stacks(stack: Stack) -> set[str]:
    """Names of all stacks of the project. Raises OperateError."""
    listed = json.loads(read_text(stack.project, stack.environment, "stack", "ls", "--json"))
    return {str(one["name"]).rpartition("/")[2] for one in listed}


def find_project(folder: Path) -> Path:
    """The project's folder: the current one where it is one of this project, else the program's own."""
    try:
        own = re.search(rf"^name:\s*{PROJECT}\s*$", (folder / "Pulumi.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        own = None
    return folder if own else ROOT


def is_rehearsal(name: str) -> bool:
    """Whether this is the stack of `make up`, which lives on the local cloud."""
    try:
        return name == STACK and (LOCAL / "cloud" / "keys.json").is_file() and (LOCAL / "state").is_dir()
    except PermissionError:  # another user's clone: its rehearsal is that user's
        return False


def demand_rehearsal(stack: Stack) -> None:
    """Raise OperateError where the rehearsal's local cloud does not run; other stacks need none.

    Only this clone's own cloud counts: another one may answer on the same port since.
    """
    if not is_rehearsal(stack.name):
        return
    from localcloud.process import find_running  # only the rehearsal has what it needs installed

    if find_running(LOCAL / "cloud") is None:
        raise OperateError(
            phrase("The rehearsal's local cloud does not run."), phrase("Start it: make up."), ExitCode.NO_CONNECTION
        )


def find_environment(name: str | None) -> dict[str, str]:
    """The variables for a stack's commands and calls: the caller's, and for the rehearsal those of the local cloud."""
    if name is not None and is_rehearsal(name):
        return {**os.environ, **rehearsal_environment()}
    # The program's own Python first (its language host takes the first on the PATH), our engine last.
    path = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), str(ENGINE_HOME / "bin")]
    return {**os.environ, "PATH": os.pathsep.join(path), "PULUMI_SKIP_UPDATE_CHECK": "true"}


def become_pulumi(name: str | None, words: Sequence[str]) -> NoReturn:
    """Replace this process by pulumi in a stack's environment, so that it alone speaks, asks and gets the signals.

    Raises OperateError where there is no engine.
    """
    project, environment = find_project(Path.cwd()), find_environment(name)
    if name is not None:
        environment["PULUMI_STACK"] = name
    program = shutil.which("pulumi", path=environment["PATH"])
    if program is None:
        raise no_engine()
    os.chdir(project)
    os.execve(program, [program, *words], environment)  # noqa: S606 - the engine itself, found on our own path


def activate(stack: Stack) -> None:
    """Make the stack's environment this process's own: the SDK and the engine read proxy, keys and endpoint there."""
    os.environ.update(stack.environment)


def _selected(project: Path, environment: Mapping[str, str]) -> str | None:
    answer = ask(project, environment, "stack", "--show-name")
    return answer.stdout.strip() or None if answer.returncode == 0 else None


def _organization(project: Path, environment: Mapping[str, str], name: str) -> str:
    """The organization as the program gets it: "organization" wherever the state is in plain files."""
    if "/" in name:
        return name.partition("/")[0]
    backend = environment.get("PULUMI_BACKEND_URL", "")
    if not backend:
        answer = ask(project, environment, "whoami", "--verbose", "--output", "json")
        told = json.loads(answer.stdout) if answer.returncode == 0 else {}
        backend = str(told.get("url", ""))
        if backend.startswith("https://"):
            return str(told.get("user") or "organization")
    return "organization"


def _value(entry: Mapping[str, Any]) -> str:
    """A config value as the program reads it: lists and maps as JSON text."""
    if "objectValue" in entry:
        return json.dumps(entry["objectValue"])
    return str(entry.get("value", ""))
