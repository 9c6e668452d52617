"""Write the declarations of `Pulumi.yaml` from the typed settings: `python -m tools.declare_settings`."""

from __future__ import annotations

import types
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr
from pydantic_core import PydanticUndefined, to_jsonable_python

from components.settings import PROJECT, Settings
from components.settings_words import CHINESE

PULUMI_YAML = Path(__file__).parent.parent / "Pulumi.yaml"


def declarations() -> dict[str, dict[str, Any]]:
    """Type, default and description of every key, in Pulumi's terms."""
    found: dict[str, dict[str, Any]] = {}
    for name, info in Settings.model_fields.items():
        default = info.get_default(call_default_factory=True, validated_data={})
        if default is PydanticUndefined:
            raise TypeError(f"{name} has no default")
        declared: dict[str, Any] = _type(info.annotation)
        # Pulumi knows no language here: both stand in one text.
        declared["description"] = f"{info.description} {CHINESE[str(info.alias)]}"
        if isinstance(default, SecretStr):
            # Not declared `secret: true`: the engine refuses a declared default that is not encrypted, and
            # without a default it refuses a stack that leaves the key out, before all mistakes can be told at once.
            default = default.get_secret_value()
        declared["default"] = to_jsonable_python(default)
        found[f"{PROJECT}:{info.alias}"] = declared
    return dict(sorted(found.items()))


def _type(annotation: Any) -> dict[str, Any]:
    origin = typing.get_origin(annotation)
    if origin is tuple:
        return {"type": "array", "items": {"type": "string"}}
    if origin is dict:
        return {"type": "object"}
    plain = {bool: "boolean", int: "integer", str: "string", SecretStr: "string", typing.Literal: "string"}
    if isinstance(annotation, types.UnionType) or (origin or annotation) not in plain:
        raise TypeError(f"no Pulumi type for {annotation}")
    return {"type": plain[origin or annotation]}


def write(path: Path = PULUMI_YAML) -> None:
    project = yaml.safe_load(path.read_text(encoding="utf-8"))
    project["config"] = declarations()
    text = yaml.safe_dump(project, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
