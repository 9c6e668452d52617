"""The resources' properties: `schema.json`, and the traits that the Terraform schema has beyond it.

`schema.json` says what each property is called and holds, which are required and whose change replaces the
resource. A `Traits` adds what the official plug-in knows only inside: which inputs the cloud fills in when they
are not given, defaults, sets, limits of values. Traits were read in the provider's published code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Rule = Callable[[str, Any], str | None]
"""Judges a value: given the Terraform name and the value, the complaint, or None."""

SCHEMA_FILE = Path(__file__).with_name("schema.json")


@dataclass(frozen=True)
class Traits:
    """What the Terraform schema says beyond `schema.json`, by the properties' Pulumi names."""

    computed: frozenset[str] = frozenset()  # inputs that the cloud fills in when they are not given
    sets: frozenset[str] = frozenset()  # lists whose order means nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    conflicts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    one_of: tuple[tuple[str, ...], ...] = ()  # groups of which exactly one must be given
    any_of: tuple[tuple[str, ...], ...] = ()  # groups of which at least one must be given
    auto_name: bool = False  # `name` gets a random suffix when it is not given
    renamed: Mapping[str, str] = field(default_factory=dict)  # Terraform names that differ from the usual form
    nested: Mapping[str, Traits] = field(default_factory=dict)  # of the objects in a list


@dataclass(frozen=True)
class Property:
    """One property of a resource, or of an object in a list."""

    name: str
    terraform_name: str
    type: str  # "string", "integer", "number", "boolean", "array" or "object" (a map of strings)
    input: bool
    required: bool
    computed: bool
    forces_replacement: bool
    secret: bool
    is_set: bool
    default: Any
    fields: Mapping[str, Property] | None  # of the list's elements, or of the value, when they are objects

    @property
    def is_collection(self) -> bool:
        """Whether the property holds a list, a set or a map."""
        return self.type in ("array", "object")


@dataclass(frozen=True)
class Schema:
    """A resource's properties and the traits they were made with."""

    token: str
    properties: Mapping[str, Property]
    traits: Traits

    @property
    def inputs(self) -> dict[str, Property]:
        """The properties that a program may set."""
        return {name: item for name, item in self.properties.items() if item.input}

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the properties that are always secret."""
        return frozenset(name for name, item in self.properties.items() if item.secret)


@cache
def package() -> dict[str, Any]:
    """The package's schema as the engine gets it."""
    document: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return document


def terraform_name(name: str) -> str:
    """`internetMaxBandwidthOut` -> `internet_max_bandwidth_out`."""
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def resource_schema(token: str, traits: Traits) -> Schema:
    """The schema of a resource type; raises KeyError for a type that `schema.json` does not hold."""
    entry = package()["resources"][token]
    properties = _properties(
        entry["properties"], entry["inputProperties"], frozenset(entry.get("requiredInputs", ())), traits
    )
    return Schema(token, properties, traits)


def function_inputs(token: str) -> dict[str, Property]:
    """The arguments of a function; raises KeyError for one that `schema.json` does not hold."""
    entry = package()["functions"][token].get("inputs", {})
    named = entry.get("properties", {})
    return _properties(named, named, frozenset(entry.get("required", ())), Traits())


def _properties(
    outputs: Mapping[str, Any], inputs: Mapping[str, Any], required: frozenset[str], traits: Traits
) -> dict[str, Property]:
    names = sorted(outputs.keys() | inputs.keys())
    return {name: _property(name, outputs.get(name), inputs.get(name), name in required, traits) for name in names}


def _property(name: str, output: Any, entry: Any, required: bool, traits: Traits) -> Property:
    spec = entry or output
    return Property(
        name=name,
        terraform_name=traits.renamed.get(name, terraform_name(name)),
        type=spec.get("type", "object"),  # an object with a type of its own only says which
        input=entry is not None,
        required=required and not (traits.auto_name and name == "name"),
        computed=entry is None or name in traits.computed,
        forces_replacement=bool(spec.get("willReplaceOnChanges")),
        secret=bool(spec.get("secret")),
        is_set=name in traits.sets,
        default=traits.defaults.get(name),
        fields=_fields(spec, traits.nested.get(name, Traits())),
    )


def _fields(spec: Any, traits: Traits) -> dict[str, Property] | None:
    reference = spec.get("$ref") or spec.get("items", {}).get("$ref")
    if reference is None:
        return None
    entry = package()["types"][reference.removeprefix("#/types/")]
    return _properties(entry["properties"], entry["properties"], frozenset(entry.get("required", ())), traits)
