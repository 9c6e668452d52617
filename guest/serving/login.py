"""The demo's login: the machine knows a hash of the password, never the password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

from guest.files import read_json, write_json
from guest.serving.settings import DemoSettings

PROBE_USER = "probe"


def matches(password: str, stored: str) -> bool:
    """Whether a password belongs to a hash `pbkdf2_sha256$ROUNDS$SALT$HASH`; False for a hash of another form."""
    try:
        kind, rounds, salt, expected = stored.split("$")
        wanted = base64.b64decode(expected, validate=True)
        made = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds), dklen=len(wanted))
    except (ValueError, OverflowError):
        return False
    return kind == "pbkdf2_sha256" and bool(wanted) and hmac.compare_digest(made, wanted)


class Login:
    """Checks names and passwords; besides the person there is a probe, with a token made anew at each start."""

    def __init__(self, settings: DemoSettings, probe_token: str) -> None:
        self._settings, self._probe_token = settings, probe_token

    def __call__(self, user: str, password: str) -> bool:
        if user == PROBE_USER:
            return hmac.compare_digest(password.encode(), self._probe_token.encode())
        is_user = hmac.compare_digest(user.encode(), self._settings.user.encode())
        # The slow hash is computed in any case: the time must not tell whether the name was right.
        return matches(password, self._settings.password_hash) and is_user


def renew_probe_token(root: Path) -> str:
    """A new token for the machine's own questions to the demo, in a file that only SYSTEM and Administrators read."""
    token = secrets.token_urlsafe(24)
    path = _probe_file(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    write_json(path, {"token": token})
    path.chmod(0o600)
    return token


def probe_token(root: Path) -> str:
    """The present token; empty where no demo has been started yet."""
    return str((read_json(_probe_file(root)) or {}).get("token", ""))


def _probe_file(root: Path) -> Path:
    return root / "state" / "probe.json"
