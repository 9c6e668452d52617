"""What the commands of the local cloud share: the data folder, and the way to the cloud that runs on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from localcloud.control_client import Control

#: The folder of this clone's rehearsal, from wherever the command is called.
DEFAULT_DATA = Path(__file__).parent.parent / ".local" / "cloud"

Data = Annotated[
    Path,
    typer.Option("--data", show_default=".local/cloud", help="The folder that holds everything the cloud remembers."),
]


def open_control(data: Path) -> Control:
    """The control client of the cloud that runs on a folder. Raises LocalCloudError where none runs."""
    # Imported late: `--help` need not load HTTP libraries.
    from localcloud.control_client import Control
    from localcloud.process import require_running

    return Control(require_running(data).url)
