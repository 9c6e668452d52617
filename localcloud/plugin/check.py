"""Checks a resource's inputs and fills in their defaults, as the Terraform bridge does.

The bridge judges what the program gave, and only then adds the defaults; the names of the properties that were
filled in are kept in the inputs under `__defaults`, so that a later check can tell them from given ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.plugin.encoding import Properties, is_unknown
from localcloud.plugin.schema import Property, Schema, Traits

DEFAULTS = "__defaults"
_SUFFIX_LENGTH = 7
_NAMES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "array": "array"}


@dataclass(frozen=True)
class Naming:
    """How to name a resource that was given no name."""

    resource: str
    seed: bytes = b""
    proposed: str | None = None  # by the engine's own auto-naming setting

    def name(self) -> str:
        """The same seed gives the same name, so that a retried check does not rename the resource."""
        suffix = hashlib.sha256(self.seed).hexdigest()[:_SUFFIX_LENGTH]
        return self.proposed or f"{self.resource}-{suffix}"


@dataclass(frozen=True)
class Verdict:
    """What came of a check: the complete inputs, and every complaint about them."""

    inputs: Properties
    failures: list[str]


def check(schema: Schema, news: Properties, olds: Properties, naming: Naming) -> Verdict:
    """Judges `news` and completes them. `olds` are the last inputs: an automatic name in them is kept."""
    converted, failures = _convert(schema.properties, news, "")
    failures += _complaints(schema.properties, schema.traits, converted, "")
    inputs = _with_defaults(schema.properties, converted)
    if schema.traits.auto_name and "name" not in converted:
        kept = olds.get("name") if "name" in olds.get(DEFAULTS, ()) else None
        inputs["name"] = kept or naming.name()
        inputs[DEFAULTS] = sorted([*inputs[DEFAULTS], "name"])
    return Verdict(inputs, [f"{reason}. Examine values at '{naming.resource}.{path}'." for path, reason in failures])


def check_arguments(properties: Mapping[str, Property], arguments: Properties) -> Verdict:
    """Judges a function's arguments. Nothing is filled in: a function knows its own defaults."""
    converted, failures = _convert(properties, arguments, "")
    failures += _complaints(properties, Traits(), converted, "")
    return Verdict(converted, [f"{reason}. Examine values at '{path}'." for path, reason in failures])


Failure = tuple[str, str]


def _convert(properties: Mapping[str, Property], values: Properties, at: str) -> tuple[Properties, list[Failure]]:
    """Values in the types that the schema asks for: "20" is accepted where a number is due, as by the bridge."""
    converted: Properties = {}
    failures: list[Failure] = []
    for name, value in sorted(values.items()):
        if value is None or name == DEFAULTS:
            continue
        path = f"{at}{name}"
        item = properties.get(name)
        if item is None or not item.input:
            failures.append((path, "Invalid or unknown key"))
        elif is_unknown(value):
            converted[name] = value
        elif item.type == "array" and item.fields is not None and isinstance(value, list):
            elements = []
            for index, element in enumerate(value):
                if not isinstance(element, dict):
                    failures.append((f"{path}[{index}]", f"expected object type, got {_kind(element)} type"))
                    continue
                inner, inner_failures = _convert(item.fields, element, f"{path}[{index}].")
                elements.append(inner)
                failures += inner_failures
            converted[name] = elements
        elif item.fields is not None and isinstance(value, dict):
            converted[name], inner_failures = _convert(item.fields, value, f"{path}.")
            failures += inner_failures
        else:
            fitting, complaint = _fit(item, value)
            converted[name] = fitting
            if complaint:
                failures.append((path, complaint))
    return converted, failures


def _fit(item: Property, value: Any) -> tuple[Any, str | None]:
    kind = _kind(value)
    if item.type == "array":
        if not isinstance(value, list):
            return value, f"expected array type, got {kind} type"
        wrong = next((element for element in value if isinstance(element, dict | list)), None)
        if wrong is not None:
            return value, f"expected string type in the array, got {_kind(wrong)} type"
        return [_text(element) for element in value], None
    if item.type == "object":
        if isinstance(value, dict) and all(not isinstance(entry, dict | list) for entry in value.values()):
            return {key: _text(entry) for key, entry in value.items()}, None
        return value, f"expected object type, got {kind} type"
    if item.type == "string" and kind in ("number", "boolean"):
        return _text(value), None
    if item.type in ("integer", "number") and kind == "string" and _is_number(value):
        return int(float(value)), None
    if item.type == "boolean" and value in ("true", "false"):
        return value == "true", None
    if item.type == "integer" and isinstance(value, float):
        return value, f"expected integer type, got number type ({value})"
    return value, None if _NAMES[item.type] == kind else f"expected {_NAMES[item.type]} type, got {kind} type"


def _complaints(properties: Mapping[str, Property], traits: Traits, values: Properties, at: str) -> list[Failure]:
    found: list[Failure] = []
    for name, item in sorted(properties.items()):
        value = values.get(name)
        if value is None:
            if item.required:
                missing = f'The argument "{item.terraform_name}" is required, but no definition was found.'
                found.append((f"{at}{name}", f"Missing required argument. {missing}"))
            continue
        found += _complaints_of_value(item, traits, value, f"{at}{name}")
        rivals = [rival for rival in traits.conflicts.get(name, ()) if values.get(rival) is not None]
        if rivals:
            rival = properties[rivals[0]].terraform_name
            text = f'Conflicting configuration arguments. "{item.terraform_name}": conflicts with {rival}'
            found.append((f"{at}{name}", text))
    found += _complaints_of_groups(properties, traits, values, at)
    return found


def _complaints_of_value(item: Property, traits: Traits, value: Any, path: str) -> list[Failure]:
    found: list[Failure] = []
    rule = traits.rules.get(item.name)
    fits = _fit(item, value)[1] is None if item.fields is None else isinstance(value, list)
    if rule is not None and fits and not is_unknown(value):
        complaint = rule(item.terraform_name, value)
        if complaint:
            found.append((path, complaint))
    if item.fields is not None and isinstance(value, list):
        nested = traits.nested.get(item.name, Traits())
        for index, element in enumerate(value):
            if isinstance(element, dict):
                found += _complaints(item.fields, nested, element, f"{path}[{index}].")
    return found


def _complaints_of_groups(
    properties: Mapping[str, Property], traits: Traits, values: Properties, at: str
) -> list[Failure]:
    found: list[Failure] = []
    for group in (*traits.one_of, *traits.any_of):
        given = [name for name in group if values.get(name) is not None]
        names = ",".join(sorted(properties[name].terraform_name for name in group))
        first = properties[group[0]].terraform_name
        if not given:
            text = f'"{first}": one of `{names}` must be specified'
            found.append((f"{at}{group[0]}", f"Invalid combination of arguments. {text}"))
        elif len(given) > 1 and group in traits.one_of:
            text = f'"{first}": only one of `{names}` can be specified'
            found.append((f"{at}{group[0]}", f"Invalid combination of arguments. {text}"))
    return found


def _with_defaults(properties: Mapping[str, Property], values: Properties) -> Properties:
    filled = dict(values)
    for name, value in values.items():
        item = properties[name]
        if item.fields is not None and isinstance(value, list):
            filled[name] = [_with_defaults(item.fields, element) for element in value]
    added = [name for name, item in properties.items() if item.default is not None and name not in values]
    for name in added:
        filled[name] = properties[name].default
    filled[DEFAULTS] = sorted(added)
    return filled


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_number(text: str) -> bool:
    try:
        return float(text).is_integer()
    except ValueError:
        return False
