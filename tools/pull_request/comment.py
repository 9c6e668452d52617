"""The trusted half: validates what the untrusted half wrote, as data, and prints the comment.

python -m tools.pull_request.comment previews.json
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from tools.pull_request.changes import Previews
from tools.pull_request.words import render

#: A document of ours is a few kilobytes.
_LIMIT_BYTES = 64 * 1024


class UntrustedDocumentError(Exception):
    """The document is not one that our preview writes."""


def read_previews(file: Path) -> Previews:
    """Read and validate. Raises UntrustedDocumentError; its text repeats nothing of the document."""
    with file.open("rb") as opened:
        content = opened.read(_LIMIT_BYTES + 1)
    if len(content) > _LIMIT_BYTES:
        raise UntrustedDocumentError(f"The preview's document is larger than {_LIMIT_BYTES} bytes.")
    try:
        return Previews.model_validate_json(content)
    except ValidationError as error:
        places = sorted({".".join(map(str, row["loc"])) for row in error.errors(include_input=False)})
        raise UntrustedDocumentError(f"The preview's document is not of our form: {len(places)} places.") from None


def main(file: Annotated[Path, typer.Argument(help="The document of the preview.")]) -> None:
    """Print the comment. Example: python -m tools.pull_request.comment previews.json"""
    try:
        sys.stdout.write(render(read_previews(file)))
    except UntrustedDocumentError as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from None


if __name__ == "__main__":
    typer.run(main)
