"""What others need to see to help: status, logs, versions and settings, with every secret and address masked."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import platform
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from components.bootstrap.manifest import STEPS
from line.channel import ChannelError
from line.rescue import look
from operate import stacks
from operate.errors import OperateError
from operate.holdings import find_own
from operate.session import Session
from operate.stacks import Stack
from rehearsal.engine import VERSION
from tencent.errors import CloudError
from tencent.names import find_commit

#: Secret outputs of a launch.
_LAUNCHED = ("adminPassword", "demoPassword")
_MASK = "***"
_LOG_LINES = 300
_PACKAGES = ("pulumi", "tencentcloud_iac_pulumi", "tencentcloud-sdk-python-common", "pywinrm", "pydantic")
_ADDRESS = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")
#: The demo's, which names the machine's address where no text shows it.
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
#: Addresses that say nothing about anybody.
_HARMLESS = re.compile(r"^(?:127|0|169\.254|10|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.")


def secrets_of(stack: Stack) -> list[str]:
    """Every value that must never leave this computer: what the stack encrypts, and the cloud's keys."""
    held = [stack.config[key] for key in stack.encrypted if stack.config.get(key)]
    access = stack.access
    if access is not None:
        held += [access.secret_id, access.secret_key, access.token]
    return _longest_first(held)


def machine_secrets_of(stack: Stack) -> list[str]:
    """Those, and the passwords with which the machine was launched: they may be others by now, or in no setting.

    Asks Pulumi for each, which takes a second.
    """
    held = secrets_of(stack)
    for output in _LAUNCHED:
        with contextlib.suppress(OperateError):  # an update of an earlier version told none
            held.append(stacks.read_secret(stack, output))
    return _longest_first(held)


def _longest_first(held: Iterable[str]) -> list[str]:
    """So that one secret within another leaves no rest."""
    return sorted({value for value in held if value}, key=len, reverse=True)


def mask(text: str, secrets: Iterable[str]) -> str:
    """The text without secrets, and without the addresses of machine and operator."""
    for secret in secrets:
        text = text.replace(secret, _MASK).replace(json.dumps(secret)[1:-1], _MASK)
    text = _CERTIFICATE.sub(_MASK, text)
    return _ADDRESS.sub(lambda found: found[0] if _HARMLESS.match(found[0]) else "a.b.c.d", text)


def collect(here: Session, now: datetime, secrets: Iterable[str]) -> dict[str, str]:
    """The documents of the zip by name; what cannot be had stands there with its reason."""
    stack = here.stack
    documents = {
        "versions.json": _json(_versions(now)),
        "settings.json": _json({key: value for key, value in stack.config.items() if key not in stack.encrypted}),
        "outputs.json": _json(stack.outputs),
    }
    documents["cloud.json"] = _try(lambda: _json(_cloud(here)))
    if stack.address:
        channel = here.channel()
        documents["status.json"] = _try(lambda: _json(channel.ask("status")))
        names = ["bootstrap", *(step.name for step in STEPS), "demo", "watcher"]
        for name in names if "could not be had" not in documents["status.json"] else ():
            documents[f"logs/{name}.log"] = _try(
                lambda name=name: "\n".join(map(str, channel.ask("log", {"step": name, "lines": _LOG_LINES})["lines"]))  # type: ignore[misc]
            )
    agent = here.find_agent()
    if agent is not None:
        try:
            seen = look(agent, secrets)
        except ChannelError as error:
            documents["inside.txt"] = f"could not be had: {error}"
        else:
            documents["inside.txt"] = "\n".join(seen.lines())
            documents |= {f"inside/{name}": text for name, text in seen.logs.items()}
    return documents


def write_support(file: Path, documents: Mapping[str, str], secrets: Iterable[str]) -> None:
    """Write the zip; every document is masked here, whatever it holds."""
    held = list(secrets)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(documents.items()):
            archive.writestr(name, mask(text, held))


def _versions(now: datetime) -> dict[str, Any]:
    return {
        "time": now.isoformat(timespec="seconds"),
        "project": find_commit(),
        "engine": VERSION,
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }


def _cloud(here: Session) -> dict[str, Any]:
    cloud = here.cloud()
    own = find_own(here.stack, cloud)
    return {
        "region": cloud.region,
        "machines": [repr(one) for one in own.machines],
        "images": [repr(one) for one in own.images],
        # What is another's is counted and not shown.
        "others": len(own.others),
    }


def _try(question: Callable[[], str]) -> str:
    try:
        return question()
    except (OperateError, CloudError) as error:
        return f"could not be had: {error}"


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, default=str)
