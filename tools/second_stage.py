"""Writes the second stage into a file, for those who let machines fetch it: `python -m tools.second_stage FILE`.

Put the file where `chatglm:packageUrl` points. Its SHA-256 is part of each machine's user data, so put
it there anew whenever the project changes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from components.bootstrap.render import second_stage


def main(file: Annotated[Path, typer.Argument(help="Where to write the zip, for example stage2.zip.")]) -> None:
    """Write the second stage and tell its size and SHA-256."""
    content = second_stage()
    file.write_bytes(content)
    typer.echo(f"{file}: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    typer.run(main)
