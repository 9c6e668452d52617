"""The stack `local` on the local cloud: the whole life for nothing. Behind `make up`, `park` and the rest.

It prepares what the rehearsal needs and hands over to the command `chatglm`, which does the same on a real account.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer
from rich.console import Console

from operate.errors import OperateError
from operate.locks import Lock
from operate.queries import read_text
from operate.stacks import stack_file
from rehearsal.engine import ROOT, EngineError, ensure_engine
from rehearsal.environment import LOCAL, PORT_VARIABLE, STACK, rehearsal_environment
from rehearsal.interrupts import pass_interrupts_on
from words import phrase

#: How much faster than real time the local cloud lives; CHATGLM_LOCAL_SPEED=1 shows real waiting times.
SPEED = os.environ.get("CHATGLM_LOCAL_SPEED", "120")
#: What the stack needs to be set once; the password comes besides.
SETTINGS = {"tencentcloud:region": "ap-guangzhou", "chatglm:operatorCidrs[0]": "127.0.0.1/32"}

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Rehearse the stack's life on the local cloud.")
console = Console(stderr=True)


def prepare() -> None:
    """Engine, cloud and stack, each made if it is not there. Ends the program with one message where one cannot be."""
    try:
        ensure_engine()
    except EngineError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None
    start_cloud()
    prepare_stack()
    free_stack()


def start_cloud() -> None:
    """Start the clone's own cloud, or leave it running."""
    command = [sys.executable, "-m", "localcloud", "start", "--data", str(LOCAL / "cloud"), "--speed", SPEED]
    if port := os.environ.get(PORT_VARIABLE):
        command += ["--port", port]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise typer.Exit(1)


def prepare_stack() -> None:
    """Make the stack with a password of its own. What an interrupted earlier try left out is added."""
    file, earlier = stack_file(ROOT, STACK), ROOT / f"Pulumi.{STACK}.yaml"
    if earlier.exists() and not file.exists():
        # A rehearsal of version 0.1.0, which kept the file beside the program.
        file.parent.mkdir(exist_ok=True)
        earlier.rename(file)
    names = {stack["name"] for stack in json.loads(pulumi("stack", "ls", "--json"))}
    if STACK not in names:
        pulumi("stack", "init", STACK, "--no-select")
    if json.loads(pulumi("config", "--json", "--stack", STACK)).get("chatglm:adminPassword", {}).get("secret"):
        return  # whatever was declared without being set is no secret
    pairs = [part for key, value in SETTINGS.items() for part in ("--plaintext", f"{key}={value}")]
    pulumi("config", "set-all", "--stack", STACK, "--path", *pairs)
    # Last: with the password there, the stack is whole.
    password = f"Rehearsal-{secrets.token_hex(8)}"
    pulumi("config", "set", "--stack", STACK, "--secret", "chatglm:adminPassword", stdin=password)


def free_stack() -> None:
    """Take away the lock of an update whose process was killed: nobody else would."""
    folder = LOCAL / "state" / ".pulumi" / "locks" / "organization" / "chatglm" / STACK
    found = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("*.json")]
    locks = [Lock(one["username"], one["hostname"], one["pid"], one["timestamp"]) for one in found]
    if locks and all(lock.dead for lock in locks):
        console.print(phrase("An earlier update was cut off; its lock is taken away."))
        pulumi("cancel", "--yes", "--stack", STACK)


def pulumi(*arguments: str, stdin: str | None = None) -> str:
    """A short Pulumi command on the rehearsal's backend; what it answers. A failure ends the program with its words."""
    try:
        return read_text(ROOT, {**os.environ, **rehearsal_environment()}, *arguments, stdin=stdin)
    except OperateError as error:
        console.print(f"pulumi {' '.join(arguments)}: {error} {error.hint}".rstrip(), style="red", markup=False)
        raise typer.Exit(1) from None


def chatglm(*arguments: str) -> NoReturn:
    """Become the command `chatglm` on the rehearsal's stack: signals reach it without anyone between."""
    hand_over([sys.executable, "-m", "operate", *arguments, "--stack", STACK])


def hand_over(command: Sequence[str]) -> NoReturn:
    sys.stdout.flush()
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    os.execve(command[0], list(command), {**os.environ, "PYTHONPATH": path})  # noqa: S606 - our own command


@app.command()
def up() -> None:
    """Bring the machine up, or back. Example: python -m tools.rehearsal up"""
    prepare()
    chatglm("up", "--yes")


@app.command()
def park() -> None:
    """Save the machine as an image and end it. Example: python -m tools.rehearsal park"""
    prepare()
    chatglm("park", "--yes")


@app.command()
def restore() -> None:
    """Bring the machine back from its image. Example: python -m tools.rehearsal restore"""
    prepare()
    chatglm("restore", "--yes")


@app.command()
def destroy() -> None:
    """Save the machine if one runs, then destroy all but the image. Example: python -m tools.rehearsal destroy"""
    prepare()
    chatglm("destroy", "--park", "--yes")


@app.command()
def password() -> None:
    """Show the demo's password. Example: python -m tools.rehearsal password"""
    prepare()
    chatglm("open", "--password", "--print")


@app.command()
def shell() -> None:
    """A shell in which pulumi and chatglm mean the rehearsal. Example: python -m tools.rehearsal shell"""
    prepare()
    os.environ.update({**rehearsal_environment(), "PULUMI_STACK": STACK, "CHATGLM_STACK": STACK})
    console.print(phrase("pulumi and chatglm mean the stack {stack} here; exit leaves.", stack=STACK))
    shell = os.environ.get("SHELL") or "/bin/sh"
    os.chdir(ROOT)
    os.execve(shell, [shell], os.environ)  # noqa: S606 - the person's own shell


@app.command()
def down() -> None:
    """Stop the local cloud; its state stays. Example: python -m tools.rehearsal down"""
    subprocess.run([sys.executable, "-m", "localcloud", "stop", "--data", str(LOCAL / "cloud")], cwd=ROOT, check=False)


if __name__ == "__main__":
    pass_interrupts_on()
    app()
