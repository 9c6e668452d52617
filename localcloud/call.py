"""One call of the API, and the rule that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.identity import OWNER, Caller


@dataclass(frozen=True)
class Arrived:
    """A request whose signature is good; nobody looked at its `body` yet. `region` is empty where none counts."""

    service: str
    action: str
    region: str
    body: Any
    request_id: str
    caller: Caller = OWNER


@dataclass(frozen=True)
class Call:
    """One call of the API: `params` are checked against the SDK's model, `time` is the cloud's."""

    service: str
    action: str
    region: str
    params: dict[str, Any]
    request_id: str
    time: float
    caller: Caller = OWNER


class OnlyRequestId(dict[str, Any]):
    """The answer of a passed dry run: nothing but the request's id."""


@dataclass(frozen=True)
class ApiAction:
    """An action that this cloud serves: `required` are dotted paths of parameters, `rule` answers the call."""

    service: str
    name: str
    required: tuple[str, ...]
    rule: Callable[[Any, Call], dict[str, Any]]


FindAction = Callable[[str, str], ApiAction | None]
