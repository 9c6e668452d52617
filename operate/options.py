"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

StackName = Annotated[
    str | None,
    typer.Option(
        "--stack", envvar="CHATGLM_STACK", help="The stack; else the selected one, else the rehearsal (local)."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Only say what would happen.")]
