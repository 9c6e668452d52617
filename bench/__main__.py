"""Measure every figure, or those of the modules named: `python -m bench life`. Fails when a bar is missed."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer

from rehearsal.interrupts import pass_interrupts_on

MODULES = [
    "life",
    "userdata_bytes",
    "cold_overlap",
    "disk_budget",
    "resume_waste",
    "dataset_cases",
    "upload_overhead",
    "cli_start",
    "status_seconds",
    "reclaim_loss",
    "reclaim_back",
    "idle_cost",
    "progress_error",
    "fuzz_localcloud",
    "load_localcloud",
    "import_circles",
    "doc_blocks",
    "messages",
    "windows_ready",
    "long_runs",
]


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Which, such as life; none: all of {', '.join(MODULES)}.")
    ] = None,
) -> None:
    """Measure the figures, one `name value` a line. Ends with 1 when a bar is missed. Example: python -m bench life"""
    pass_interrupts_on()
    strange = [name for name in names or [] if name not in MODULES]
    if strange:
        raise typer.BadParameter(f"There is no {', '.join(strange)}; there are {', '.join(MODULES)}.")
    missed = 0
    for name in names or MODULES:
        for figure in importlib.import_module(f"bench.{name}").measure():
            typer.echo(str(figure))
            missed += not figure.kept
    raise typer.Exit(1 if missed else 0)


if __name__ == "__main__":
    typer.run(main)
