"""Quick questions to the engine, each a process of its own: what only reads must not wait for the Automation API.

To import that takes longer than such a question. Updates go over it (`operate.updates`); beside the two, only the
workspace of the tests starts the engine, as a person would who types its command and ends it in the midst of it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operate.errors import ExitCode, OperateError
from words import phrase

_TIMEOUT_SECONDS = 60


class NoStackError(OperateError):
    """The backend holds no stack of that name."""


def read(project: Path, environment: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """The JSON document that a command answers. Raises OperateError with the engine's complaint."""
    answer: dict[str, Any] = json.loads(read_text(project, environment, *arguments) or "{}")
    return answer


def read_text(project: Path, environment: Mapping[str, str], *arguments: str, stdin: str | None = None) -> str:
    """What a command answers; `stdin` is for a secret. Raises OperateError with the engine's complaint."""
    answer = ask(project, environment, *arguments, stdin=stdin)
    if answer.returncode:
        raise explain_engine(answer.stderr)
    return answer.stdout


def ask(
    project: Path, environment: Mapping[str, str], *arguments: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a short command. Raises OperateError where there is no engine, or no answer within a minute."""
    command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
    try:
        return subprocess.run(
            command,
            cwd=project,
            env=dict(environment),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise no_engine() from None
    except subprocess.TimeoutExpired:
        raise OperateError(
            phrase("Pulumi did not answer within {seconds} s.", seconds=_TIMEOUT_SECONDS),
            phrase("Check its backend (pulumi whoami -v)."),
        ) from None


def no_engine() -> OperateError:
    """There is no pulumi on the PATH, and none that the rehearsal made."""
    return OperateError(
        phrase("The Pulumi engine is not installed."),
        phrase(
            "Install Pulumi (https://www.pulumi.com/docs/install), or run make up once, which fetches or builds it."
        ),
    )


def explain_engine(text: str) -> OperateError:
    """The engine's complaint as one plain message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.partition("error:")[2].strip() for line in lines if "error:" in line]
    last = next((line for line in reversed(errors) if line), lines[-1] if lines else phrase("no reason given"))
    if "no stack named" in text:
        return NoStackError(
            f"{last[0].upper()}{last[1:]}.",
            phrase("See chatglm pulumi stack ls. Of a stack that was removed: chatglm cost shows what is left."),
            ExitCode.BAD_INPUT,
        )
    if "passphrase" in text:
        return OperateError(
            phrase("The stack's secrets cannot be read: the passphrase is missing or wrong."),
            phrase("Set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE."),
            ExitCode.TURNED_AWAY,
        )
    return OperateError(phrase("Pulumi: {last}", last=last), "", ExitCode.FAILED)
