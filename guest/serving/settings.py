"""What the demo needs to know, from the manifest that came with the user data."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from guest.errors import GuestError
from guest.files import read_json
from guest.phrases import phrase


@dataclass(frozen=True)
class DemoSettings:
    """`host` is the address that the page is bound to; `precision` fp16, int8 or int4 (for the base model).

    `engine` is fast or upstream. Without `api_key_hash` (a machine installed by an earlier version) there is no API.
    With `tls` the page is served over HTTPS or not at all (guest/serving/tls.py).
    """

    host: str
    port: int
    user: str
    password_hash: str
    precision: str
    served_model: str
    engine: str = "fast"
    api_key_hash: str = ""
    api_origins: tuple[str, ...] = ()
    tls: bool = False

    @property
    def local_url(self) -> str:
        """Where this machine itself reaches the page."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def mark(self) -> str:
        """Tells settings that need another start of the demo from equal ones; nothing can be read out of it.

        Without the served model: what is deployed later counts, not what the settings once said.
        """
        told = {**asdict(self), "served_model": None}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


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
            engine=str(told.get("engine", "fast")),
            api_key_hash=str(told.get("apiKeyHash", "")),
            api_origins=tuple(str(origin) for origin in told.get("apiOrigins", ())),
            tls=bool(told.get("demoTls", False)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GuestError(
            phrase("{root} does not tell how to serve the demo ({error!r}).", root=root / "manifest.json", error=error),
            phrase("Wait until the machine has installed itself."),
        ) from None
