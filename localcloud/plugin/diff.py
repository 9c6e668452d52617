"""What would change: old state against new inputs, as Terraform's SDK and the bridge judge it.

Three rules that surprise: an input that the cloud fills in by itself (`computed`) and that is not given never
differs; an absent input equals an empty one ("", 0, false, []); and a computed list that was never read counts
as changed. The last one is why an imported image always wants to be replaced: nothing reads `dataDiskIds`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.plugin.encoding import Properties
from localcloud.plugin.schema import Property, Schema

ADD, UPDATE, DELETE = "ADD", "UPDATE", "DELETE"
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


@dataclass(frozen=True)
class Change:
    """One changed value: `kind` is ADD, UPDATE or DELETE."""

    path: str
    kind: str
    replaces: bool

    @property
    def name(self) -> str:
        """The top-level property that the path begins with."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


@dataclass(frozen=True)
class Difference:
    """All changes of a resource."""

    changes: tuple[Change, ...]
    stables: tuple[str, ...]  # properties that this update certainly keeps

    @property
    def names(self) -> list[str]:
        """Top-level properties that change."""
        return sorted({change.name for change in self.changes})

    @property
    def replaces(self) -> list[str]:
        """Top-level properties whose change makes a new resource."""
        return sorted({change.name for change in self.changes if change.replaces})


Decision = Callable[[str], bool]


def difference(
    schema: Schema,
    old: Properties,
    new: Properties,
    ignored: Iterable[str] = (),
    forces_replacement: Decision = lambda _: False,
) -> Difference:
    """Compares the state `old` with the checked inputs `new`.

    `ignored` are property paths (`ignore_changes`); `forces_replacement` says for a top-level property whether
    its change replaces this resource although the schema does not say so.
    """
    found: list[Change] = []
    ignored_paths = tuple(ignored)
    for name, item in schema.inputs.items():
        forced = item.forces_replacement or forces_replacement(name)
        if item.is_collection and item.computed and old.get(name) is None and new.get(name) is None:
            found.append(Change(name, ADD, forced))
            continue
        changes = _compare(item, old.get(name), new.get(name), name, forced)
        found += [change for change in changes if not _is_ignored(change.path, ignored_paths)]
    replaced = {change.name for change in found if change.replaces}
    stables = [name for name, item in schema.properties.items() if item.forces_replacement and name not in replaced]
    return Difference(tuple(found), tuple(sorted(stables)))


def _compare(item: Property, old: Any, new: Any, path: str, forced: bool) -> list[Change]:
    if new is None and (item.computed or _is_zero(old)):
        return []
    if old is None and isinstance(new, str | list | dict) and not new:
        return []
    if old is None or new is None:
        return [Change(path, ADD if old is None else DELETE, forced)]
    if item.type == "object" and isinstance(old, dict) and isinstance(new, dict):
        return [
            Change(f"{path}{_step(key)}", _kind(old.get(key), new.get(key)), forced)
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]
    if item.type == "array" and isinstance(old, list) and isinstance(new, list):
        return _compare_lists(item, old, new, path, forced)
    return [] if old == new else [Change(path, UPDATE, forced)]


def _compare_lists(item: Property, old: list[Any], new: list[Any], path: str, forced: bool) -> list[Change]:
    if item.is_set:
        added = [Change(f"{path}[{i}]", ADD, forced) for i, value in enumerate(new) if value not in old]
        return added + [Change(f"{path}[{i}]", DELETE, forced) for i, value in enumerate(old) if value not in new]
    changes: list[Change] = []
    for index in range(max(len(old), len(new))):
        at = f"{path}[{index}]"
        if index >= len(old) or index >= len(new):
            changes.append(Change(at, ADD if index >= len(old) else DELETE, forced))
        elif item.fields is not None and isinstance(new[index], dict):
            changes += _compare_objects(item.fields, old[index], new[index], at)
        elif old[index] != new[index]:
            changes.append(Change(at, UPDATE, forced))
    return changes


def _compare_objects(fields: Mapping[str, Property], old: Properties, new: Properties, path: str) -> list[Change]:
    changes: list[Change] = []
    for name, field in fields.items():
        changes += _compare(field, old.get(name), new.get(name), f"{path}.{name}", field.forces_replacement)
    return changes


def _is_zero(value: object) -> bool:
    return value is None or value in ("", 0, False) or (isinstance(value, list | dict) and not value)


def _kind(old: object, new: object) -> str:
    if old is None:
        return ADD
    return DELETE if new is None else UPDATE


def _step(key: str) -> str:
    return f".{key}" if _PLAIN_KEY.fullmatch(key) else f'["{key}"]'


def _is_ignored(path: str, ignored: tuple[str, ...]) -> bool:
    return any(entry == "*" or path == entry or path.startswith((f"{entry}.", f"{entry}[")) for entry in ignored)
