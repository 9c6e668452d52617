"""The untrusted half: previews a change on a throw-away local cloud, seeded by the program as it was before.

    python -m tools.pull_request.preview --base FOLDER --out previews.json

Needs no secret and no account: a throw-away passphrase, a file backend, the local cloud.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from localcloud.control_client import Control
from rehearsal.engine import ROOT
from tencent.names import find_commit
from tools.pull_request.changes import Found, Previews, Transition, Wanted, read_transition
from tools.throwaway import local_cloud
from tools.workspace import Result, Workspace

console = Console(stderr=True)


class SeedError(Exception):
    """The program as it was before cannot make the state that the change is to be previewed on."""


def preview_all(base: Path, change: Path, folder: Path) -> tuple[Transition, ...]:
    """Preview each transition of the life: seeded by `base`, previewed with `change`. Raises SeedError."""
    with local_cloud(folder / "cloud") as port:
        stack = Workspace(folder / "stack", folder / "cloud", port, settings=_SETTINGS, program=base)
        return tuple(_live(stack, base, change, Control(f"http://127.0.0.1:{port}")))


#: Nothing waits for machines: a preview says nothing of what happens inside them.
_SETTINGS = {"chatglm:waitReady": "false"}


def _live(stack: Workspace, base: Path, change: Path, control: Control) -> Iterator[Transition]:
    def look(found: Found, wanted: Wanted) -> Transition:
        console.print(f"Previewing: {found} -> {wanted}")
        stack.link_program(change)
        stack.set({"chatglm:state": wanted})
        return _read(found, wanted, stack.pulumi("preview", "--json"))

    def seed(state: str) -> None:
        console.print(f"Making the state before: {state}")
        stack.link_program(base)
        done = stack.up(state)
        if not done.ok:
            raise SeedError(f"The program before the change could not reach {state}:\n{done.text}")

    yield look("nothing", "running")
    seed("running")
    yield look("running", "running")
    yield look("running", "parked")
    seed("parked")
    yield look("parked", "running")
    yield look("parked", "parked")
    seed("running")
    control.reclaim(control.instances()[0].id, notice_seconds=0)
    yield look("reclaimed", "running")


def _read(found: Found, wanted: Wanted, result: Result) -> Transition:
    try:
        preview = json.loads(result.text[result.text.index("{") :])
    except ValueError:
        preview = {}
    if not result.ok:
        console.print(result.text, markup=False)  # for the run's log; nothing of it reaches the comment
    return read_transition(found, wanted, preview, failed=not result.ok)


def main(
    base: Annotated[Path, typer.Option(help="The program before the change: a checkout of the base branch.")],
    out: Annotated[Path, typer.Option(help="Where to write the document.")],
) -> None:
    """Preview the change in this checkout. Example: python -m tools.pull_request.preview --base base --out p.json"""
    with tempfile.TemporaryDirectory() as temporary:
        try:
            found = preview_all(base.resolve(), ROOT, Path(temporary))
        except SeedError as error:
            console.print(str(error), markup=False)
            raise typer.Exit(1) from None
    commit = find_commit()
    previews = Previews(commit=commit if commit != "unknown" else "0" * 12, transitions=found)
    out.write_text(previews.model_dump_json(indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
