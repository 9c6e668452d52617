"""Which setting takes effect when, while a machine lives. Pure: settings and what the state tells in, words out.

Tags, name and bandwidth change in place. What the machine installs and serves with reaches it over the channel, by
the update that waits for it. The rest belongs to a launch: the machine keeps what it was launched with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from components.bootstrap.settings import BootstrapSettings
from components.prior import Prior
from components.settings import Settings
from tencent.facts import Instance
from words import phrase

#: Fields that tell `pulumi up` how to wait, and the machine nothing.
_OF_THE_UPDATE = {"wait_ready", "ready_timeout_minutes", "package_url"}
#: What the machine's own guard is told (guest/unattended/settings.py).
OF_THE_MACHINES_GUARD = ("cam_role", "idle_minutes", "guard_warn_minutes", "guard_uses", "park_at")
TOLD = (
    *(name for name in BootstrapSettings.model_fields if name not in _OF_THE_UPDATE),
    "demo_port",
    "demo_user",
    "demo_password",
    "api_key",
    "api_origins",
    "operator_cidrs",
    *OF_THE_MACHINES_GUARD,
)
#: Secrets of the demo that are made from Administrator's password where none was chosen.
_MADE_SECRETS = ("demo_password", "api_key")
AT_LAUNCH = (
    "admin_password",
    "hostname",
    "instance_type",
    "charge_type",
    "spot_max_price",
    "system_disk_gb",
    "system_disk_type",
)
_MADE = "made"  # stands for a demo password that is made from Administrator's


def digests(settings: Settings, names: Iterable[str]) -> dict[str, str]:
    """Each setting in a form that can stand in the outputs and be compared. Secrets are no part of it."""
    found: dict[str, str] = {}
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            if name in _MADE_SECRETS:
                found[_key(name)] = "chosen" if value.get_secret_value() else _MADE
            continue
        found[_key(name)] = _digest(value)
    return found


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Changes:
    """Settings, by their keys, that differ from what the living machine has.

    `told` are those that the machine must be told, `waiting` those that wait for its next launch.
    """

    told: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def find_changes(settings: Settings, prior: Prior, living: Instance | None) -> Changes:
    """What was changed since the machine was launched and told. Nothing where that is not known, or nothing lives."""
    if living is None or living.id != prior.machine_id:
        return Changes()
    told = _differing(digests(settings, TOLD), prior.told)
    for name, has in (("demo_password", prior.demo_password), ("api_key", prior.api_key)):
        chosen = getattr(settings, name).get_secret_value()
        if chosen and has and chosen != has and _key(name) not in told:
            told.append(_key(name))
    waiting = _differing(digests(settings, AT_LAUNCH), prior.launched)
    if prior.machine_password and settings.admin_password.get_secret_value() != prior.machine_password:
        waiting.append("adminPassword")
    return Changes(tuple(sorted(told)), tuple(sorted(waiting)))


def as_it_stands(settings: Settings, prior: Prior, living: Instance | None) -> Settings:
    """The settings with the passwords that the living machine takes now, whatever was set since its launch."""
    if living is None or living.id != prior.machine_id:
        return settings
    now: dict[str, SecretStr] = {}
    if prior.machine_password:
        now["admin_password"] = SecretStr(prior.machine_password)
    for name, has in (("demo_password", prior.demo_password), ("api_key", prior.api_key)):
        # One that was made stays for as long as the machine, through a renaming of the stack too.
        if has and not getattr(settings, name).get_secret_value() and prior.told.get(_key(name)) != "chosen":
            now[name] = SecretStr(has)
    return settings.model_copy(update=now)


def effect_notes(changes: Changes, settings: Settings) -> tuple[str, ...]:
    """When each changed setting takes effect, for the preview."""
    notes = []
    if changes.waiting:
        notes.append(
            phrase(
                "{settings} changed: the machine keeps what it was launched with. It takes effect at "
                "the next launch: park, then restore (pulumi config set chatglm:state parked; pulumi "
                "up; then with running).",
                settings=_named(changes.waiting),
            )
        )
    if changes.told and settings.wait_ready and not settings.discard:
        notes.append(
            phrase(
                "{settings} changed: this update tells the machine, which does again what depends on it.",
                settings=_named(changes.told),
            )
        )
    elif changes.told:
        word = phrase("chatglm:discard is true") if settings.discard else phrase("chatglm:waitReady is false")
        notes.append(
            phrase(
                "{settings} changed, but {word}: the machine is not told, and keeps what it has.",
                settings=_named(changes.told),
                word=word,
            )
        )
    return tuple(notes)


def _differing(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """What a state of an earlier version does not tell was nobody's choice then: it had what is the default now."""
    return [name for name, digest in now.items() if before and before.get(name, _DEFAULTS.get(name)) != digest]


def _named(keys: Iterable[str]) -> str:
    return ", ".join(f"chatglm:{key}" for key in keys)


def _key(name: str) -> str:
    return str(Settings.model_fields[name].alias or name)


_DEFAULTS = {
    _key(name): _digest(Settings.model_fields[name].get_default()) for name in (*OF_THE_MACHINES_GUARD, "demo_tls")
}
