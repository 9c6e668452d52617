"""The machine's use and its own guard in words, for `status`, `watch` and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from words import heard, language, later, phrase

_KINDS = {
    "demo": later("demo"),
    "api": "API",
    "gpu": "GPU",
    "login": later("desktop"),
    "task": later("training"),
}


def use_words(guest: Mapping[str, Any]) -> str:
    """When the machine was last used; "-" where it tells nothing (an older version, or not installed yet)."""
    use = _part(_part(guest, "unattended"), "use")
    idle = _part(use, "idleSeconds")
    if not idle:
        return "-"
    if use.get("inUse"):
        return phrase("in use now: {kinds}", kinds=_kinds(use["inUse"]))
    ages = [
        f"{_kind(kind)} {int(seconds // 60)}"
        for kind, seconds in idle.items()
        if kind in _KINDS and isinstance(seconds, int | float)
    ]
    told = phrase("minutes ago: {ages}", ages=phrase(", ").join(ages))
    if use.get("unknown"):
        told += phrase("; ") + phrase("not known: {kinds}", kinds=_kinds(use["unknown"]))
    return told


def guard_notice(guest: Mapping[str, Any]) -> str:
    """What guards have to say: a warning (of the one outside too), a park under way, trouble; empty: all is well."""
    unattended = _part(guest, "unattended")
    guard, park = _part(unattended, "guard"), _part(unattended, "park")
    if park.get("phase") in ("stopping", "complete"):
        return phrase("The machine is parking itself: its image is being made.")
    # The guard's own reasons come in both languages, since it sends them to people of whom it knows nothing.
    warning = str(_part(guard, "says").get(language(), "")) if guard.get("act") == "warn" else ""
    warning = warning or str(unattended.get("outside") or "")
    trouble = heard(guard, "trouble")
    failed = phrase("It could not park itself and works on: {trouble}", trouble=trouble) if trouble else ""
    return " ".join(part for part in (warning, failed) if part)


def _kinds(names: Any) -> str:
    return phrase(", ").join(map(_kind, map(str, names)))


def _kind(name: str) -> str:
    return phrase(_KINDS.get(name, name))


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}
