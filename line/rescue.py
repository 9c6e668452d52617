"""Rescue without an open port: what can be seen and set right over TAT when WinRM does not answer.

A machine may be out of reach because it is not so far yet, its port is closed, its password or certificate changed, or
the operator's own address did. The agent sees it from inside; what it finds is told in words, and the installation is
started again, which opens WinRM and the firewall before anything else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from line.channel import Channel, VerbFailedError
from line.packed import TooLongError
from line.tat import TatChannel
from words import later, phrase

LOOK = Path(__file__).parents[1] / "templates" / "rescue" / "look.ps1"
#: Bytes of each log's end, less where all together do not fit through TAT.
_TAILS = (6000, 2500, 1000, 300)
_MASK = "***"

#: What a person can still do when neither WinRM nor the agent answers.
WHAT_IS_LEFT = later(
    "Where nothing answers at all: the console's VNC shows the machine's screen, "
    "cloudbase-init's log lies in C:\\Program Files\\Cloudbase "
    "Solutions\\Cloudbase-Init\\log; or park it, and restore the image on a new machine."
)


@dataclass(frozen=True)
class Sighting:
    """What the agent saw: our scripts, the installation's status, Windows' own state, the ends of the logs."""

    has_entry: bool
    status: Mapping[str, Any] | None
    windows: Mapping[str, str]
    logs: Mapping[str, str]

    def lines(self) -> list[str]:
        """Windows' state in words, one line each."""
        told = [phrase("{title}: {told}", title=phrase(name), told=value) for name, value in self.windows.items()]
        if not self.has_entry:
            told.insert(0, phrase("The user data has not run: there is no C:\\chatglm\\chatglm.ps1."))
        return told


def look(channel: TatChannel, secrets: Iterable[str] = ()) -> Sighting:
    """Look at the machine from inside. `secrets` are masked wherever they stand. Raises ChannelErrors."""
    masked = [secret for secret in secrets if secret]
    for tail in _TAILS:
        script = f"$Bytes = {tail}\n{LOOK.read_text(encoding='ascii')}"
        try:
            _, out = channel.run_script(script, seconds=60)
        except TooLongError:
            if tail == _TAILS[-1]:
                raise
            continue
        return _read(out, masked)
    raise AssertionError("the loop above returns or raises")


def _read(out: bytes, secrets: list[str]) -> Sighting:
    try:
        seen = json.loads(out.decode("utf-8"))
        status = json.loads(seen["status"]) if seen.get("status") else None
        windows = {str(name): _mask(str(value), secrets) for name, value in seen["windows"].items()}
        logs = {str(name): _mask(decode_log(str(text)), secrets) for name, text in seen["logs"].items()}
        return Sighting(bool(seen["entry"]), status if isinstance(status, dict) else None, windows, logs)
    except (ValueError, KeyError, AttributeError) as error:
        raise VerbFailedError(
            phrase("What the agent saw cannot be read ({name}: {error}).", name=type(error).__name__, error=error)
        ) from None


def decode_log(text: str) -> str:
    """A log's end, given one byte a character: in UTF-8 (ours), UTF-16, or code page 936 (a Chinese Windows' own)."""
    raw = text.encode("latin-1", "replace")
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    for start in range(min(3, len(raw)) + 1):  # the end may begin in the midst of a character
        try:
            return raw[start:].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
    if raw.count(b"\0") * 3 > len(raw):
        return raw.decode("utf-16-le", "replace")
    return raw.decode("gb18030", "replace")


def _mask(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return text


def start_again(
    channel: TatChannel, sighting: Sighting, *, user_data: str, manifest: bytes, say: Callable[[str], None]
) -> None:
    """Set the firewall and WinRM right, and the installation going, as far as the agent can. Raises ChannelErrors.

    Where the user data never ran, it is run now; where the settings are others than the machine's, it gets them;
    else the installation is started again. Each of these opens the channel first.
    """
    if not sighting.has_entry:
        say(phrase("The user data has not run on the machine: running it over TAT."))
        channel.run_script(f"{bare_script(user_data)}\nWrite-Packed 0 'started'", seconds=180)
        return
    say(phrase("Starting the installation again over TAT; it opens WinRM and the firewall first."))
    if manifest and (sighting.status or {}).get("manifest") != hashlib.sha256(manifest).hexdigest():
        try:
            configure(channel, manifest)
        except VerbFailedError as error:
            say(phrase("The machine does not take these settings: {error}", error=error))
        else:
            return
    channel.run_verb("retry", {"force": True})


def configure(channel: Channel, manifest: bytes) -> Mapping[str, Any]:
    """Hand changed settings to a living machine: see `configure` in docs/bootstrap.md. Raises ChannelErrors."""
    channel.upload(manifest, "manifest.json")
    told: Mapping[str, Any] = channel.run_verb("configure", {"sha256": hashlib.sha256(manifest).hexdigest()})
    return told


def bare_script(user_data: str) -> str:
    """The user data's PowerShell without the marks that cloudbase-init looks for."""
    return user_data.strip().removeprefix("<powershell>").removesuffix("</powershell>").strip()
