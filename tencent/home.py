"""The person's own folder on this computer, and where this project keeps its things there."""

from __future__ import annotations

import os
from pathlib import Path

#: Names another folder than ~/.chatglm, for those whose home cannot be written.
HOME_VARIABLE = "CHATGLM_HOME"


def home_folder() -> Path:
    """The home folder; a folder that does not exist where the system knows none (a user without an entry, as in a
    container): nothing is found there.
    """
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def own_folder() -> Path:
    """Where this project keeps what outlasts a stack, such as the certificates that machines are held to."""
    given = os.environ.get(HOME_VARIABLE)
    return Path(given) if given else home_folder() / ".chatglm"
