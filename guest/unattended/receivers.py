"""Whom the machine itself tells what its guard does: receivers come over the channel, and lie where only SYSTEM reads.

Not with the user data, which every program on the machine can read: a receiver's address holds a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.machine import this_machine
from guest.phrases import phrase
from guest.unattended.notices import Delivery, Notice, Notifier, parse_webhooks


def receivers_file(root: Path) -> Path:
    return root / "state" / "receivers.json"


def digest_of(stack: str, webhooks: str) -> str:
    """Tells other receivers from the same; nothing can be read out of it. Empty for none."""
    return hashlib.sha256(f"{stack}\n{webhooks}".encode()).hexdigest()[:12] if webhooks else ""


def digest(root: Path) -> str:
    """That of the receivers that this machine has."""
    told = read_json(receivers_file(root)) or {}
    return digest_of(str(told.get("stack", "")), str(told.get("webhooks", "")))


def keep(options: Mapping[str, Any]) -> dict[str, Any]:
    """Take the receivers (`webhooks`, as the setting has them; empty: nobody) of the stack `stack`."""
    webhooks, stack = options.get("webhooks"), options.get("stack")
    if not isinstance(webhooks, str) or not isinstance(stack, str):
        raise GuestError(
            phrase("Receivers are a text, and so is the stack."), phrase('Give {"webhooks": TEXT, "stack": TEXT}.')
        )
    root = this_machine().root
    path = receivers_file(root)
    if not webhooks:
        path.unlink(missing_ok=True)
        return {"receivers": 0}
    found = parse_webhooks(webhooks)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    write_json(path, {"schema": 1, "stack": stack, "webhooks": webhooks})
    path.chmod(0o600)
    return {"receivers": len(found)}


def tell(root: Path, english: str, chinese: str, document: Mapping[str, Any], now: float) -> list[Delivery]:
    """Send a notice to whoever is to be told; it ends within seconds and raises nothing."""
    told = read_json(receivers_file(root)) or {}
    try:
        webhooks = parse_webhooks(str(told.get("webhooks", "")))
    except GuestError:
        return []
    if not webhooks:
        return []
    notifier = Notifier(webhooks, root / "state" / "notices-sent.json", lambda: now)
    return notifier.send(Notice(str(told.get("stack", "")), english, chinese, document))


VERBS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"receivers": keep}
