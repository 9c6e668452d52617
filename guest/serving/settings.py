"""What the demo needs to know, from the manifest that came with the user data."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from guest.errors import GuestError
from guest.training.files import read_json


@dataclass(frozen=True)
class DemoSettings:
    """`host` is the address that the page is bound to; `precision` fp16, int8 or int4 (for the base model)."""

    host: str
    port: int
    user: str
    password_hash: str
    precision: str
    served_model: str

    @property
    def local_url(self) -> str:
        """Where this machine itself reaches the page."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104
        return f"http://{host}:{self.port}"


def read_settings(root: Path) -> DemoSettings:
    """Raises GuestError where the machine has no readable manifest."""
    manifest = read_json(root / "manifest.json") or {}
    try:
        told = manifest["settings"]
        return DemoSettings(
            # All addresses: who may come is the firewall's and the security group's matter. Rehearsals of several
            # machines on one computer give each an address of its own.
            host=os.environ.get("CHATGLM_DEMO_HOST", "0.0.0.0"),  # noqa: S104
            port=int(told["demoPort"]),
            user=str(told["demoUser"]),
            password_hash=str(told["demoPasswordHash"]),
            precision=str(told["precision"]),
            served_model=str(told["servedModel"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GuestError(
            f"{root / 'manifest.json'} does not tell how to serve the demo ({error!r}).",
            "Wait until the machine has installed itself.",
        ) from None
