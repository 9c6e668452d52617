"""The stack `local` on the local cloud: the whole life for nothing. Behind `make up`, `park` and the rest."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys

import typer
from rich.console import Console
from rich.table import Table

from tools.pulumi_engine import EngineError, ensure_engine
from tools.workspace import ROOT, local_environment

LOCAL = ROOT / ".local"
STACK = "local"
PORT = int(os.environ.get("CHATGLM_LOCAL_PORT", "8600"))
#: How much faster than real time the local cloud lives; `make up SPEED=1` shows real waiting times.
SPEED = os.environ.get("CHATGLM_LOCAL_SPEED", "120")

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Rehearse the stack's life on the local cloud.")
console = Console()


def pulumi(*arguments: str, stdin: str | None = None, quiet: bool = False) -> str:
    """Run a Pulumi command on the stack; show its output, or return it when quiet. A failure ends the program."""
    engine = ensure_engine()
    command = [str(engine / "pulumi"), *arguments, "--non-interactive", "--cwd", str(ROOT)]
    run = subprocess.run(
        command,
        env={**os.environ, **local_environment(LOCAL, LOCAL / "cloud", PORT)},
        input=stdin,
        text=True,
        stdout=subprocess.PIPE if quiet else None,
        check=False,
    )
    if run.returncode:
        raise typer.Exit(run.returncode)
    return run.stdout or ""


def start_cloud() -> None:
    data = str(LOCAL / "cloud")
    command = [sys.executable, "-m", "localcloud", "start", "--port", str(PORT), "--data", data, "--speed", SPEED]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise typer.Exit(1)


def prepare_stack() -> None:
    """Make the stack with a password of its own, unless it is there."""
    names = {stack["name"] for stack in json.loads(pulumi("stack", "ls", "--json", quiet=True))}
    if STACK in names:
        return
    pulumi("stack", "init", STACK, quiet=True)
    for key, value in {"tencentcloud:region": "ap-guangzhou", "chatglm:state": "running"}.items():
        pulumi("config", "set", "--stack", STACK, key, value)
    pulumi("config", "set", "--stack", STACK, "--path", "chatglm:operatorCidrs[0]", "127.0.0.1/32")
    password = f"Rehearsal-{secrets.token_hex(8)}"
    pulumi("config", "set", "--stack", STACK, "--secret", "chatglm:adminPassword", stdin=password)


def update(state: str) -> None:
    try:
        ensure_engine()
    except EngineError as error:
        console.print(str(error), style="red")
        raise typer.Exit(1) from None
    start_cloud()
    prepare_stack()
    pulumi("config", "set", "--stack", STACK, "chatglm:state", state)
    pulumi("up", "--stack", STACK, "--yes", "--skip-preview")
    show_outputs()


def show_outputs() -> None:
    """What a person needs: where the demo and the desktop are, and what running and parking cost."""
    outputs = json.loads(pulumi("stack", "output", "--stack", STACK, "--json", quiet=True))
    told = Table.grid(padding=(0, 2))
    if "demoUrl" in outputs:
        told.add_row("Demo 演示", f"{outputs['demoUrl']} (user {outputs['demoUser']}; make password)")
        told.add_row("Remote desktop 远程桌面", f"{outputs['rdpAddress']} (Administrator)")
        told.add_row("Price 价格", f"{outputs['hourlyPrice']} CNY/h, machine and disk")
    else:
        told.add_row("Parked 已停放", "no machine; nothing is billed but the image")
    told.add_row("Cost while parked 停放费用", f"at most {outputs['parkedMonthlyPrice']} CNY a month, for the image")
    console.print()
    console.print(told, soft_wrap=True)


@app.command()
def up() -> None:
    """Bring the machine up, or back. Example: python -m tools.rehearsal up"""
    update("running")


@app.command()
def park() -> None:
    """Save the machine as an image and end it. Example: python -m tools.rehearsal park"""
    update("parked")


@app.command()
def restore() -> None:
    """Bring the machine back from its image. Example: python -m tools.rehearsal restore"""
    update("running")


@app.command()
def destroy() -> None:
    """Destroy the stack; the newest image stays if keepImage is true. Example: python -m tools.rehearsal destroy"""
    start_cloud()
    prepare_stack()
    pulumi("destroy", "--stack", STACK, "--yes", "--skip-preview")


@app.command()
def password() -> None:
    """Show the demo's password. Example: python -m tools.rehearsal password"""
    console.print(pulumi("stack", "output", "--stack", STACK, "demoPassword", "--show-secrets", quiet=True).strip())


@app.command()
def down() -> None:
    """Stop the local cloud; its state stays. Example: python -m tools.rehearsal down"""
    subprocess.run([sys.executable, "-m", "localcloud", "stop", "--data", str(LOCAL / "cloud")], cwd=ROOT, check=False)


if __name__ == "__main__":
    app()
