"""Documents that outlive the program that wrote them: each says the version of its form.

A machine is restored from images and updated, runs move between machines: what is read may be older or newer than the
reader. Older is understood; newer is refused in plain words, because half-understood state loses work.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.phrases import phrase

SCHEMA = 1


def write_document(path: Path, document: Mapping[str, Any], schema: int = SCHEMA) -> None:
    """Replace a document in one step, with its version."""
    write_json(path, {"schema": schema, **document})


def read_document(path: Path, schema: int = SCHEMA) -> dict[str, Any] | None:
    """The document without its version; None where there is none or it is not whole.

    Raises GuestError for one of a newer version than `schema`. One without a version is of the first.
    """
    document = read_json(path)
    if document is None:
        return None
    require_known(path, document.pop("schema", 1), schema)
    return document


def require_known(path: PurePath, written: Any, schema: int = SCHEMA) -> None:
    """Raise GuestError where `written` is not a version that this program knows."""
    if isinstance(written, bool) or not isinstance(written, int) or not 1 <= written <= schema:
        raise GuestError(
            phrase(
                "{path} was written by another version of this project: its form is {written!r}, "
                "this one knows up to {schema}.",
                path=path,
                written=written,
                schema=schema,
            ),
            phrase(
                "Update the project on this machine (pulumi up brings the newest), or fetch the run "
                "with the one that wrote it."
            ),
        )
