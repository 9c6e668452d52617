"""Property values between protobuf's `Struct` and plain Python.

Inside the plug-in a property map is a `dict`, whole numbers are `int`, a value that the engine does not know
yet is one of `UNKNOWN_VALUES`, and secrets are unwrapped: secretness is put back at the edge, by schema.
The signature and the unknown values are those of Pulumi's `sdk/go/common/resource/plugin/rpc.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct, Value

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker, not a secret
OUTPUT_SIGNATURE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_VALUES = frozenset(
    {
        UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
    }
)

Properties = dict[str, Any]


def is_unknown(value: object) -> bool:
    """Whether the engine will know this value only after another resource was created."""
    return isinstance(value, str) and value in UNKNOWN_VALUES


def contains_unknown(value: object) -> bool:
    """Whether `is_unknown` holds for the value or anything inside it."""
    if isinstance(value, dict):
        return any(contains_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(contains_unknown(item) for item in value)
    return is_unknown(value)


def decode(struct: Struct, *, skip_nulls: bool = False) -> Properties:
    """A property map as plain Python. With `skip_nulls`, keys without a value are left out, at every depth."""
    return {
        key: _decode_value(value, skip_nulls)
        for key, value in struct.fields.items()
        if not (skip_nulls and value.WhichOneof("kind") in (None, "null_value"))
    }


def encode(properties: Mapping[str, Any], *, secrets: Iterable[str] = ()) -> Struct:
    """A property map as a `Struct`; the top-level properties named in `secrets` are marked secret."""
    hidden = frozenset(secrets)
    struct = Struct()
    for key, item in properties.items():
        secret = key in hidden and item is not None
        value = {SIGNATURE_KEY: SECRET_SIGNATURE, "value": item} if secret else item
        struct.fields[key].CopyFrom(_encode_value(value))
    return struct


def _decode_value(value: Value, skip_nulls: bool) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = float(value.number_value)
        return int(number) if number.is_integer() else number
    if kind == "list_value":
        return [_decode_value(item, skip_nulls) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE_KEY in fields:
            return _decode_special(value.struct_value, skip_nulls)
        return decode(value.struct_value, skip_nulls=skip_nulls)
    if kind in (None, "null_value"):
        return None
    return getattr(value, kind)


def _decode_special(struct: Struct, skip_nulls: bool) -> Any:
    signature = struct.fields[SIGNATURE_KEY].string_value
    if signature == OUTPUT_SIGNATURE and "value" not in struct.fields:
        return UNKNOWN
    if signature in (SECRET_SIGNATURE, OUTPUT_SIGNATURE):
        return _decode_value(struct.fields["value"], skip_nulls)
    return decode(struct, skip_nulls=skip_nulls)


def _encode_value(value: object) -> Value:
    if value is None:
        return Value(null_value=0)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    if isinstance(value, str):
        return Value(string_value=value)
    if isinstance(value, list | tuple):
        return Value(list_value=ListValue(values=[_encode_value(item) for item in value]))
    if isinstance(value, Mapping):
        return Value(struct_value=encode(value))
    raise TypeError(f"a property value cannot be a {type(value).__name__}")
