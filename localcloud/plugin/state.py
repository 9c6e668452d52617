"""A resource's state: planned from its inputs, merged with what the cloud says, and back to inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.plugin.check import DEFAULTS
from localcloud.plugin.diff import Difference
from localcloud.plugin.encoding import UNKNOWN, Properties, contains_unknown
from localcloud.plugin.schema import Property, Schema

RAW_STATE_DELTA = "__pulumi_raw_state_delta"
META = "__meta"
TIMEOUTS_KEY = "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0"  # under which Terraform's SDK keeps a resource's timeouts
_OWN_KEYS = (RAW_STATE_DELTA, META, "id")


def planned_creation(schema: Schema, inputs: Properties) -> Properties:
    """The state of a resource that does not exist yet. What the cloud will fill in is None."""
    return {name: _planned(item, inputs.get(name), None) for name, item in schema.properties.items()}


def planned_update(schema: Schema, old: Properties, inputs: Properties, changed: Difference) -> Properties:
    """The old state with the changed properties as the inputs want them."""
    plan = dict(stored(old))
    for name in changed.names:
        plan[name] = _planned(schema.properties[name], inputs.get(name), old.get(name))
    return {name: plan.get(name) for name in schema.properties}


def with_unknowns(schema: Schema, plan: Properties) -> Properties:
    """A preview of a creation: what the cloud will fill in is unknown."""
    return {
        name: UNKNOWN if value is None and schema.properties[name].computed else value for name, value in plan.items()
    }


def merged(schema: Schema, plan: Properties, read: Properties, *, applied: bool) -> Properties:
    """The plan, corrected by what was read.

    After a creation or an update (`applied`) an empty list or map that nobody asked for stays absent, and a list
    that the cloud could have filled but did not is empty: Terraform's SDK evens out such values in the same way.
    """
    state = {**plan, **read}
    if applied:
        for name, item in schema.properties.items():
            if not item.is_collection:
                continue
            if not item.computed and plan.get(name) is None and not state.get(name):
                state[name] = None
            elif item.computed and state.get(name) is None:
                state[name] = [] if item.type == "array" else {}
    return {name: state.get(name) for name in schema.properties}


def stored(properties: Properties) -> Properties:
    """A resource's own properties out of what the engine stores."""
    return {name: value for name, value in properties.items() if name not in _OWN_KEYS}


def outputs(schema: Schema, identifier: str, state: Properties, meta: str | None) -> Properties:
    """What the engine is to store: the state, the id and the bridge's two notes to itself."""
    result = {"id": identifier, **state}
    delta: Properties = {"obj": _object_delta(state)}
    renamed = {name: terraform for name, terraform in schema.traits.renamed.items() if state.get(name) is not None}
    if renamed:
        delta["obj"]["renamed"] = renamed
    result[RAW_STATE_DELTA] = delta
    if meta is not None:
        result[META] = meta
    return result


def refreshed_inputs(old_inputs: Properties, state: Properties) -> Properties:
    """The inputs of before with the values of now; an input that is gone from the state is dropped."""
    inputs: Properties = {}
    for name, old in old_inputs.items():
        if name == DEFAULTS:
            inputs[name] = old
        elif state.get(name) is not None:
            inputs[name] = _refreshed(old, state[name])
    return inputs


def imported_inputs(schema: Schema, state: Properties) -> Properties:
    """Inputs for a resource that was read by its id alone: every value that says more than the default."""
    inputs: Properties = {DEFAULTS: []}
    for name, item in schema.inputs.items():
        value = state.get(name)
        rivals = schema.traits.conflicts.get(name, ())
        if value is None or value == item.default or not _says_something(value) or any(r in inputs for r in rivals):
            continue
        inputs[name] = _imported_elements(item, value)
    return inputs


def _planned(item: Property, new: Any, old: Any) -> Any:
    if new is None:
        return old if item.computed else None
    if item.fields is None or not isinstance(new, list):
        return new
    before = old if isinstance(old, list) else []
    return [
        _planned_object(item.fields, element, before[i] if i < len(before) else {}) for i, element in enumerate(new)
    ]


def _planned_object(fields: Mapping[str, Property], new: Properties, old: Properties) -> Properties:
    planned: Properties = {}
    for name, field in fields.items():
        kept = old.get(name) if field.computed or not _says_something(old.get(name)) else None
        planned[name] = new.get(name, kept)
    return planned


def _refreshed(old: Any, new: Any) -> Any:
    if isinstance(old, list) and isinstance(new, list):
        olds = [*old, *[None] * len(new)]
        return [_refreshed_element(olds[index], element) for index, element in enumerate(new)]
    return new


def _refreshed_element(old: Any, new: Any) -> Any:
    if not isinstance(new, dict):
        return new
    if isinstance(old, dict):
        return refreshed_inputs(old, new)
    return {DEFAULTS: [], **{name: value for name, value in new.items() if _says_something(value)}}


def _imported_elements(item: Property, value: Any) -> Any:
    if item.fields is None or not isinstance(value, list):
        return value
    return [
        {DEFAULTS: [], **{name: entry for name, entry in element.items() if _is_own_value(item.fields, name, entry)}}
        for element in value
    ]


def _is_own_value(fields: Mapping[str, Property], name: str, value: object) -> bool:
    return name in fields and value != fields[name].default and name != "policyIndex" and _says_something(value)


def _says_something(value: object) -> bool:
    return value is not None and value not in ("", 0, False) and not (isinstance(value, list | dict) and not value)


def _object_delta(state: Mapping[str, Any]) -> Properties:
    deltas = {name: delta for name, value in state.items() if (delta := _delta(value)) is not None}
    return {"ps": deltas} if deltas else {}


def _delta(value: object) -> Properties | None:
    if contains_unknown(value):
        return None
    if isinstance(value, dict):
        return {"map": {}}
    if not isinstance(value, list):
        return None
    elements = {str(i): {"obj": _object_delta(item)} for i, item in enumerate(value) if isinstance(item, dict)}
    return {"arr": {"el": elements} if elements else {}}
