"""Which certificate each machine showed first: trusted once, held from then on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol

#: Where this computer keeps them, for every stack.
KNOWN_CERTIFICATES = Path.home() / ".chatglm" / "known-certificates.json"


class CertificateStore(Protocol):
    """Fingerprints (SHA-256 of the certificate, lower-case hex) by machine."""

    def get(self, machine: str) -> str | None:
        """The fingerprint that this machine is held to, or None before the first connection."""

    def put(self, machine: str, fingerprint: str) -> None:
        """Hold the machine to this fingerprint."""


class CertificateFile:
    """A store in one JSON file that only its owner can read or write."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, machine: str) -> str | None:
        return self._read().get(machine)

    def put(self, machine: str, fingerprint: str) -> None:
        held = {**self._read(), machine: fingerprint}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        new.touch(mode=0o600)
        new.write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")
        new.replace(self._path)

    def _read(self) -> dict[str, str]:
        try:
            held: dict[str, str] = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return held
