"""The one shape of all resources."""

from __future__ import annotations

from abc import ABC, abstractmethod

from localcloud.plugin.api import Api
from localcloud.plugin.encoding import Properties
from localcloud.plugin.schema import Schema


class Resource(ABC):
    """What can be done with one type of resource. States are maps of the schema's properties."""

    schema: Schema
    rolls_back_failed_update = True  # the state of before is kept, so that the next preview shows the change again
    create_timeout_seconds: float | None = None  # of the resources that let a program set it (`custom_timeouts`)

    @abstractmethod
    def create(self, api: Api, wanted: Properties) -> str:
        """Makes the resource and returns its id. When this raises, nothing was made."""

    def finish_creation(self, api: Api, identifier: str, wanted: Properties, timeout_seconds: float) -> None:  # noqa: B027
        """What follows once the id is known. When this raises, the engine keeps the half-made resource."""

    @abstractmethod
    def read(self, api: Api, identifier: str, state: Properties) -> Properties | None:
        """What the cloud says now: the properties that it can say, or None when the resource is gone."""

    @abstractmethod
    def update(self, api: Api, identifier: str, old: Properties, new: Properties, changed: frozenset[str]) -> None:
        """Changes the resource in place; `changed` are the top-level properties that differ."""

    @abstractmethod
    def delete(self, api: Api, identifier: str, state: Properties) -> None:
        """Removes the resource."""

    def forces_replacement(self, name: str, wanted: Properties) -> bool:  # noqa: ARG002
        """Whether a change of this property needs a new resource although the schema does not say so."""
        return False
