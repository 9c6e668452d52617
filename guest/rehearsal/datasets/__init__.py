"""Plays the parts of datasets 2.13 that upstream's programs and this project's hooks touch.

Like the real one, reading JSON makes times of a column whose every text looks like one, and leaves a copy in the cache.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from guest.rehearsal.console import Bar

Rows = list[dict[str, Any]]

config = SimpleNamespace(HF_DATASETS_OFFLINE=False)

_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?")


class Value:
    """The type of a column."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


class Features(dict[str, Value]):
    """Types by column."""


class Dataset(Rows):
    """Rows."""

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Iterator[dict[str, Any]]],
        features: Features,
        gen_kwargs: Mapping[str, Any],
        cache_dir: str | None = None,
    ) -> Dataset:
        rows = list(generator(**gen_kwargs))
        if any(row.keys() != features.keys() for row in rows):
            raise ValueError("Couldn't cast: column names don't match")
        _cache("generator", json.dumps(rows).encode(), cache_dir)
        return cls(rows)


class DatasetDict(dict[str, Dataset]):
    """Rows by split."""


def load_dataset(path: str, *, data_files: Mapping[str, str], cache_dir: str | None = None, **_: Any) -> DatasetDict:
    """The rows of JSON lines files, with each column's type inferred."""
    if path != "json":
        raise FileNotFoundError(f"Couldn't find a dataset script at {path}")
    loaded = DatasetDict()
    for split, file in data_files.items():
        content = Path(file).read_bytes()
        for title in ("Downloading data files", "Extracting data files", ""):
            Bar(1, title).update()
        _cache("json", content, cache_dir)
        rows = [json.loads(line) for line in content.decode("utf-8").splitlines() if line.strip()]
        loaded[split] = Dataset(_inferred(rows))
    return loaded


def _inferred(rows: Rows) -> Rows:
    names = list(rows[0]) if rows else []
    times = [name for name in names if all(_TIME.fullmatch(str(row[name])) for row in rows)]
    return [{**row, **{name: datetime.datetime.fromisoformat(row[name]) for name in times}} for row in rows]


def _cache(builder: str, content: bytes, cache_dir: str | None) -> None:
    named = cache_dir or os.environ.get("HF_DATASETS_CACHE")
    cache = Path(named) if named else Path.home() / ".cache" / "huggingface" / "datasets"
    target = cache / builder / f"default-{hashlib.sha256(content).hexdigest()[:16]}" / f"{builder}-train.arrow"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
