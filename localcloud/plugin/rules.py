"""The rules that values must keep, with the wording of the official plug-in's complaints."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from localcloud.plugin.schema import Rule


def length(minimum: int, maximum: int) -> Rule:
    """A text of `minimum` to `maximum` characters."""

    def judge(name: str, value: Any) -> str | None:
        count = len(str(value))
        if count < minimum:
            return f'length of "{name}" cannot be lower than {minimum}: {count}'
        if count > maximum:
            return f'length of "{name}" cannot be higher than {maximum}: {count}'
        return None

    return judge


def one_of(allowed: Sequence[str | int], *, ignore_case: bool = False) -> Rule:
    """One of the values listed."""
    fold = {str(item).upper() if ignore_case else item for item in allowed}
    kind = "int" if isinstance(allowed[0], int) else "string"
    shown = f"[]{kind}{{" + ", ".join(f'"{item}"' if kind == "string" else str(item) for item in allowed) + "}"

    def judge(name: str, value: Any) -> str | None:
        if (str(value).upper() if ignore_case else value) in fold:
            return None
        got = f'"{value}"' if kind == "string" else value
        sentence = "must contain a valid string value must in array" if kind == "string" else None
        return f'"{name}" {sentence or "must contain a valid int value in array"} {shown}, got {got}'

    return judge


def number_in_range(minimum: int, maximum: int) -> Rule:
    """A whole number of `minimum` to `maximum`."""

    def judge(name: str, value: Any) -> str | None:
        if value < minimum:
            return f'"{name}" cannot be lower than {minimum}: {value}'
        if value > maximum:
            return f'"{name}" cannot be higher than {maximum}: {value}'
        return None

    return judge


def instance_type(name: str, value: Any) -> str | None:
    """A type's name has a dot: `GN7.2XLARGE32`."""
    if "." in value:
        return None
    return f"the format of {name} is invalid: {value}, it should be like S1.SMALL1"


def decimal(name: str, value: Any) -> str | None:
    """A number written as text, as spot prices are."""
    try:
        float(value)
    except ValueError:
        return f"{name} must be a number: {value}"
    return None


def prefix(start: str) -> Rule:
    """A text that begins with `start`."""

    def judge(name: str, value: Any) -> str | None:
        return None if value.startswith(start) else f"{name} doesn't have preifx [{start}]"

    return judge


def network_address(name: str, value: Any) -> str | None:
    """A network in CIDR form whose address is the network's own."""
    try:
        network = ipaddress.ip_network(value, strict=False)
        if "/" not in value:
            raise ValueError(value)
    except ValueError:
        return f'"{name}" must contain a valid CIDR, got error parsing: invalid CIDR address: {value}'
    if str(network) != value:
        return f'"{name}" must contain a valid network CIDR, expected "{network}", got "{value}"'
    return None
