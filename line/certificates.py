"""Which certificate each machine showed first: trusted once, held from then on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol

from guest.files import replace_file
from line.channel import ChannelError
from tencent.home import HOME_VARIABLE, own_folder
from words import phrase


def known_certificates() -> Path:
    """Where this computer keeps them, for every stack."""
    return own_folder() / "known-certificates.json"


class CertificateFileError(ChannelError):
    """The file of known certificates cannot be read: whom it held to what is not known, so nobody is trusted anew."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            phrase("The file of known certificates, {path}, cannot be read: {reason}.", path=path, reason=reason),
            phrase(
                "Put a copy of it back. Without one, move it away: each machine's certificate is then trusted anew."
            ),
        )


class CertificateFolderError(ChannelError):
    """The file of known certificates cannot be written, so no machine could be held to what it shows first."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            phrase(
                "The folder of the known certificates, {folder}, cannot be written: {reason}.",
                folder=path.parent,
                reason=reason,
            ),
            phrase("Name one that can: export {variable}=FOLDER", variable=HOME_VARIABLE),
        )


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
        self._write({**self._read(), machine: fingerprint})

    def demand_writable(self) -> None:
        """Raise ChannelError unless a certificate could be kept: better before a machine is launched than after."""
        self._write(self._read())

    def _write(self, held: dict[str, str]) -> None:
        try:
            replace_file(self._path, (json.dumps(held, indent=1) + "\n").encode("utf-8"), private=True)
        except OSError as error:
            raise CertificateFolderError(self._path, error.strerror or str(error)) from None

    def _read(self) -> dict[str, str]:
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CertificateFileError(self._path, str(error)) from None
        if not isinstance(held, dict) or not all(isinstance(value, str) for value in held.values()):
            raise CertificateFileError(self._path, phrase("it is not a list of machines and fingerprints"))
        return held
