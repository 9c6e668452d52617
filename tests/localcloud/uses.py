"""The uses of actions that the tests of every action hold: one for each, by service and name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.registry import all_actions
from localcloud.wire import fields_of

Use = Callable[[Any], dict[str, Any]]
_USES: dict[tuple[str, str], Use] = {}


def use(service: str, action: str) -> Callable[[Use], Use]:
    """Declare the use of an action: it asserts what the action did, and gives the answer back."""

    def register(function: Use) -> Use:
        _USES[service, action] = function
        return function

    return register


def actions_of(*services: str) -> list[tuple[str, str]]:
    """All actions that the local cloud has of these services, whether there is a use of them or not."""
    return sorted(name for name in all_actions() if name[0] in services)


def check_use(cloud: Any, service: str, action: str) -> None:
    """Use the action; the answer must hold every field that Tencent documents."""
    answer = _USES[service, action](cloud)
    if answer:
        assert answer["RequestId"]
        assert set(answer) == set(fields_of(service, f"{action}Response"))
