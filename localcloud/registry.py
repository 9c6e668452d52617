"""Which rule answers which action of the API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from localcloud.cloud import Cloud


@dataclass(frozen=True)
class Call:
    """One call of the API: `params` are checked against the SDK's model, `time` is the cloud's."""

    service: str
    action: str
    region: str
    params: dict[str, Any]
    request_id: str
    time: float


class OnlyRequestId(dict[str, Any]):
    """The answer of a passed dry run: nothing but the request's id."""


Rule = Callable[["Cloud", Call], dict[str, Any]]


@dataclass(frozen=True)
class Action:
    service: str
    name: str
    required: tuple[str, ...]
    rule: Rule


_ACTIONS: dict[tuple[str, str], Action] = {}

_MODULES = (
    "cvm_instances",
    "cvm_launch",
    "cvm_changes",
    "cvm_images",
    "cvm_offers",
    "cbs_disks",
    "cbs_prices",
    "cbs_snapshots",
    "vpc_networks",
    "vpc_security_groups",
    "tags",
    "tat_commands",
)


def action(service: str, name: str, *required: str) -> Callable[[Rule], Rule]:
    """Declare the rule for an action, with the dotted paths of the parameters that it cannot do without."""

    def register(rule: Rule) -> Rule:
        _ACTIONS[service, name] = Action(service, name, required, rule)
        return rule

    return register


def find_action(service: str, name: str) -> Action | None:
    return all_actions().get((service, name))


def all_actions() -> dict[tuple[str, str], Action]:
    """Every action that this cloud has, by service and name."""
    _load_services()
    return _ACTIONS


@cache
def _load_services() -> None:
    for module in _MODULES:
        import_module(f"localcloud.services.{module}")
