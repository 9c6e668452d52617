"""Between JSON and the rules: requests and answers pass through the models of the official SDK.

The SDK documents the type of every field in the docstring of its model's constructor; that is the schema used
here. So a field that Tencent does not have is refused, and every field that it documents is in the answer.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from localcloud.errors import ApiError, missing

VERSIONS = {
    "cvm": "2017-03-12",
    "cbs": "2017-03-12",
    "vpc": "2017-03-12",
    "tag": "2018-08-13",
    "tat": "2020-10-28",
    "sts": "2018-08-13",
    "cam": "2019-01-16",
}

_SCALARS: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
_TYPE_LINE = re.compile(r":type (\w+): (.+)")


@dataclass(frozen=True)
class FieldType:
    """The type of a field: a scalar's name, or a model's; `many` for a list of it."""

    name: str
    many: bool = False


def service_models(service: str) -> Any:
    """The SDK's module of models for a service, imported at its first use."""
    version = "v" + VERSIONS[service].replace("-", "")
    return importlib.import_module(f"tencentcloud.{service}.{version}.models")


def has_action(service: str, action: str) -> bool:
    """Whether the real cloud documents the action."""
    return action.isidentifier() and hasattr(service_models(service), f"{action}Request")


@cache
def fields_of(service: str, model: str) -> dict[str, FieldType]:
    """The documented fields of a model, in their order."""
    doc = getattr(service_models(service), model).__init__.__doc__ or ""
    fields: dict[str, FieldType] = {}
    for name, text in _TYPE_LINE.findall(doc):
        many = text.startswith("list of ")
        kind = text.removeprefix("list of ").strip()
        if kind.startswith(":class:"):
            kind = kind.rsplit(".", 1)[-1].strip("`")
        fields[name] = FieldType("int" if kind == "int non-negative" else kind, many)
    return fields


def read_request(service: str, action: str, body: Any) -> dict[str, Any]:
    """Check a request against its model; null means absent.

    Raises ApiError: UnknownParameter, InvalidParameter for a wrong type.
    """
    if not isinstance(body, dict):
        raise ApiError("InvalidParameter", "The request body must be a JSON object.")
    return _read_model(service, f"{action}Request", body, "")


def _read_model(service: str, model: str, body: dict[str, Any], path: str) -> dict[str, Any]:
    known = fields_of(service, model)
    result: dict[str, Any] = {}
    for name, value in body.items():
        place = f"{path}{name}"
        if name not in known:
            raise ApiError("UnknownParameter", f"The parameter `{_clip(place)}` is not recognized.")
        if value is not None:
            result[name] = _read_value(service, known[name], value, place)
    return result


def _read_value(service: str, kind: FieldType, value: Any, place: str) -> Any:
    if kind.many:
        if not isinstance(value, list):
            raise _wrong_type(place, f"a list of {kind.name}", value)
        item = FieldType(kind.name)
        return [_read_value(service, item, entry, f"{place}.{index}") for index, entry in enumerate(value)]
    scalar = _SCALARS.get(kind.name)
    if scalar is None:
        if not isinstance(value, dict):
            raise _wrong_type(place, "an object", value)
        return _read_model(service, kind.name, value, f"{place}.")
    if not isinstance(value, scalar) or (isinstance(value, bool) and kind.name != "bool"):
        raise _wrong_type(place, kind.name, value)
    return value


def _wrong_type(place: str, wanted: str, value: Any) -> ApiError:
    return ApiError("InvalidParameter", f"The parameter `{_clip(place)}` must be {wanted}, not {type(value).__name__}.")


def _clip(text: str) -> str:
    return text if len(text) <= 100 else text[:100] + "..."


def require(params: dict[str, Any], *paths: str) -> None:
    """Raise MissingParameter for the first dotted path that is absent or an empty list or object."""
    for path in paths:
        value: Any = params
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None or value == [] or value == {}:
            raise missing(path)


def build_response(service: str, action: str, answer: dict[str, Any], request_id: str) -> dict[str, Any]:
    """The answer with every documented field, in the SDK's order; what was not given is null.

    Raises KeyError when a rule answers with a field that Tencent does not document: a mistake of this program.
    """
    model = f"{action}Response"
    _check_answer(service, model, answer)
    response = getattr(service_models(service), model)()
    response._deserialize({**answer, "RequestId": request_id})
    complete: dict[str, Any] = response._serialize(allow_none=True)
    return complete


def _check_answer(service: str, model: str, answer: dict[str, Any]) -> None:
    known = fields_of(service, model)
    for name, value in answer.items():
        kind = known[name]
        if kind.name not in _SCALARS and value is not None:
            for entry in value if kind.many else [value]:
                _check_answer(service, kind.name, entry)
