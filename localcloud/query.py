"""Filters and pages, the same for all Describe actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from localcloud.errors import ApiError

R = TypeVar("R")

# What a filter compares: one text or several for a record.
Reader = Callable[[R], str | Iterable[str]]

MAX_FILTERS = 10
MAX_LIMIT = 100


def select(
    params: dict[str, Any],
    items: Iterable[R],
    readers: Mapping[str, Reader[R]],
    *,
    ids: str = "",
    read_id: Callable[[R], str] = str,
    tags: Callable[[R], dict[str, str]] | None = None,
    fuzzy: frozenset[str] = frozenset(),
    max_values: int = 100,
) -> list[R]:
    """The items that the request's ids (parameter `ids`) or filters ask for.

    Filters are joined by AND, the values of one by OR. `fuzzy` filters match a part, whatever its case.
    Raises ApiError: InvalidParameter for ids together with filters, InvalidFilter for an unknown name,
    InvalidFilterValue.LimitExceeded for too many.
    """
    wanted = params.get(ids) or []
    filters = params.get("Filters") or []
    if wanted and filters:
        raise ApiError("InvalidParameter", f"`{ids}` and `Filters` cannot be given together.")
    if len(filters) > MAX_FILTERS:
        raise ApiError("InvalidFilterValue.LimitExceeded", f"At most {MAX_FILTERS} filters can be given.")
    result = list(items)
    if wanted:
        chosen = set(wanted)
        return [item for item in result if read_id(item) in chosen]
    for entry in filters:
        name, values = entry.get("Name", ""), entry.get("Values") or []
        if len(values) > max_values:
            raise ApiError("InvalidFilterValue.LimitExceeded", f"A filter takes at most {max_values} values.")
        read = _reader(name, readers, tags)
        result = [item for item in result if _matches(read(item), values, name in fuzzy)]
    return result


def _reader(name: str, readers: Mapping[str, Reader[R]], tags: Callable[[R], dict[str, str]] | None) -> Reader[R]:
    if name in readers:
        return readers[name]
    if tags is not None:
        if name == "tag-key":
            return lambda item: tags(item).keys()
        if name == "tag-value":
            return lambda item: tags(item).values()
        if name.startswith("tag:"):
            key = name.removeprefix("tag:")
            return lambda item: [tags(item)[key]] if key in tags(item) else []
    raise ApiError("InvalidFilter", f"The filter `{name[:100]}` is not known; known are {', '.join(readers)}.")


def _matches(found: str | Iterable[str], values: list[str], fuzzy: bool) -> bool:
    texts = [found] if isinstance(found, str) else list(found)
    if fuzzy:
        return any(value.lower() in text.lower() for text in texts for value in values)
    return any(text in values for text in texts)


def page(params: dict[str, Any], items: list[R], default: int = 20) -> list[R]:
    """The part of the items that `Offset` and `Limit` (numbers, or texts as vpc has them) ask for.

    Raises ApiError: InvalidParameterValue for anything but an offset from 0 and a limit of 1 to 100.
    """
    offset = _number(params, "Offset", 0)
    limit = _number(params, "Limit", default)
    if offset < 0:
        raise ApiError("InvalidParameterValue", f"`Offset` must be 0 or more, not {offset}.")
    if not 1 <= limit <= MAX_LIMIT:
        raise ApiError("InvalidParameterValue", f"`Limit` must be from 1 to {MAX_LIMIT}, not {limit}.")
    return items[offset : offset + limit]


def _number(params: dict[str, Any], name: str, default: int) -> int:
    value = params.get(name)
    if value is None:
        return default
    text = str(value)
    if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or len(text) > 12:
        raise ApiError("InvalidParameterValue", f"`{name}` must be a whole number, not {text[:40]}.")
    return int(text)
