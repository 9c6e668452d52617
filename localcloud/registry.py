"""Which rule answers which action of the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from localcloud.call import ApiAction, Call
from localcloud.cloud import Cloud

Rule = Callable[[Cloud, Call], dict[str, Any]]

_ACTIONS: dict[tuple[str, str], ApiAction] = {}

_MODULES = (
    "cvm_instances",
    "cvm_launch",
    "cvm_changes",
    "cvm_images",
    "cvm_reclaim",
    "cvm_keys",
    "cvm_offers",
    "cbs_disks",
    "cbs_prices",
    "cbs_snapshots",
    "vpc_networks",
    "vpc_addresses",
    "vpc_security_groups",
    "tags",
    "tat_commands",
    "sts",
    "cam",
)


def action(service: str, name: str, *required: str) -> Callable[[Rule], Rule]:
    """Declare the rule for an action, with the dotted paths of the parameters that it cannot do without."""

    def register(rule: Rule) -> Rule:
        _ACTIONS[service, name] = ApiAction(service, name, required, rule)
        return rule

    return register


def find_action(service: str, name: str) -> ApiAction | None:
    return all_actions().get((service, name))


def all_actions() -> dict[tuple[str, str], ApiAction]:
    """Every action that this cloud has, by service and name."""
    _load_services()
    return _ACTIONS


@cache
def _load_services() -> None:
    for module in _MODULES:
        import_module(f"localcloud.services.{module}")
