"""The command that lets something go wrong on a machine; part of `python -m localcloud`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .faults import ANY_MACHINE, FaultKind, FaultQueue


def guest_fault(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(FaultKind)}; clear to drop all that wait.")],
    machine: Annotated[
        str, typer.Option("--machine", help="An instance id; * for the next machine that installs itself.")
    ] = ANY_MACHINE,
    step: Annotated[str, typer.Option("--step", help="A step such as torch; default: where the fault is likely.")] = "",
    times: Annotated[int, typer.Option("--times", help="How often before it goes well again.")] = 1,
    data: Annotated[Path, typer.Option("--data", help="The folder that holds everything the cloud remembers.")] = Path(
        ".local/cloud"
    ),
) -> None:
    """Let something go wrong while a machine installs itself.

    Example:  python -m localcloud guest-fault install-fails --step driver --times 3
    """
    queue = FaultQueue(data)
    if kind == "clear":
        queue.clear()
    elif kind in list(FaultKind):
        queue.add(FaultKind(kind), machine=machine, step=step, times=times)
    else:
        raise ValueError(f"{kind!r} is no fault of a machine; there are {', '.join(FaultKind)}, and clear")
    for wanted, fault in queue.waiting():
        where = f" in the step {fault.step}" if fault.step else ""
        typer.echo(f"{fault.kind}{where}, {fault.times} time(s), for {wanted}")
    if not queue.waiting():
        typer.echo("No faults are waiting.")
