"""Where the rehearsal lives: its folder, its stack, its local cloud, and the variables for Pulumi.

Everything of a clone lies in its own `.local`, the port of its local cloud too: two clones never meet.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
from pathlib import Path

from localcloud.port import remembered_port
from rehearsal.engine import ROOT, ensure_engine
from tencent.access import STAND_IN_VARIABLE
from tencent.home import HOME_VARIABLE, home_folder

OFFICIAL_PLUGIN = home_folder() / ".pulumi" / "plugins" / "resource-tencentcloud-v0.2.3"

LOCAL = ROOT / ".local"
STACK = "local"
#: Chooses the port of the next start of the cloud in words; else it is the one of the last start, or a free one.
PORT_VARIABLE = "CHATGLM_LOCAL_PORT"


def rehearsal_environment() -> dict[str, str]:
    """Variables for this clone's own rehearsal. Its cloud must have been started once (see `start_cloud`)."""
    return local_environment(LOCAL, LOCAL / "cloud", remembered_port(LOCAL / "cloud") or 0)


def local_environment(home: Path, cloud_data: Path, port: int) -> dict[str, str]:
    """Variables with which Pulumi runs stacks on the local cloud of that port and nowhere else.

    `home` holds Pulumi's own files, the state and the passphrase. The official plug-in is used where it is installed;
    elsewhere the stand-in stands in its place, in a folder of plug-ins that only these stacks use.
    """
    keys = json.loads((cloud_data / "keys.json").read_text(encoding="utf-8"))
    path = [str(Path(sys.executable).parent), str(ensure_engine())]
    pulumi_home = OFFICIAL_PLUGIN.parent.parent if OFFICIAL_PLUGIN.exists() else home / "pulumi"
    for folder in (home / "state", pulumi_home):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not OFFICIAL_PLUGIN.exists():
        _link_stand_in(pulumi_home / "plugins" / OFFICIAL_PLUGIN.name)
    passphrase = home / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return {
        "PATH": os.pathsep.join([*path, os.environ["PATH"]]),
        "PULUMI_HOME": str(pulumi_home),
        # Without the extra files for attributes, which are not written whole or not at all: an engine that was killed
        # while it wrote one would leave a stack that cannot be read.
        "PULUMI_BACKEND_URL": f"{(home / 'state').as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_RUN_PROGRAM": "true",  # a destroy runs the program, whose hooks guard the machine
        "CHATGLM_PYTHON": sys.executable,
        # The certificates of machines that live for a rehearsal are no business of the person's own folder.
        HOME_VARIABLE: str(home / "own"),
        "CHATGLM_POLL_SECONDS": "0.3",  # the local cloud's time runs faster than real time
        "HTTP_PROXY": f"http://127.0.0.1:{port}",
        "TENCENTCLOUD_PROTOCOL": "HTTP",
        "TENCENTCLOUD_SECRET_ID": keys["secretId"],
        "TENCENTCLOUD_SECRET_KEY": keys["secretKey"],
        # Only the stand-in can ask the local cloud whose keys it has; the official plug-in asks Tencent itself.
        STAND_IN_VARIABLE: "false" if OFFICIAL_PLUGIN.exists() else "true",
    }


def _link_stand_in(folder: Path) -> None:
    """Put a link to the stand-in where the engine looks for the official plug-in of that version."""
    folder.mkdir(parents=True, exist_ok=True)
    launcher = ROOT / "localcloud" / "plugin" / "pulumi-resource-tencentcloud"
    with contextlib.suppress(FileExistsError):
        (folder / launcher.name).symlink_to(launcher)
