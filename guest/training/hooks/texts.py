"""Keeps every column of the data text.

`datasets` infers the type of a column when it reads JSON: where all answers look like dates it makes times of them, and
the tokenizer fails (datasets 2.13.1: `timestamp[s]`). With the types named to the JSON reader, "2023-05-02" becomes
"2023-05-02 00:00:00". Rows from a generator are taken as they are.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def load_texts() -> None:
    """Load JSON lines files through a generator of rows whose columns are all text."""
    datasets: Any = importlib.import_module("datasets")
    own_load = datasets.load_dataset
    # Or it asks a store on the internet, which may not answer, for a prepared copy of these very rows.
    datasets.config.HF_DATASETS_OFFLINE = True

    def load_dataset(path: str, *args: Any, data_files: Mapping[str, str] | None = None, **kwargs: Any) -> Any:
        if path != "json" or not isinstance(data_files, Mapping):
            return own_load(path, *args, data_files=data_files, **kwargs)
        loaded = datasets.DatasetDict()
        for split, file in data_files.items():
            first = next(read_rows(file, 0), {})
            loaded[split] = datasets.Dataset.from_generator(
                read_rows,
                features=datasets.Features({name: datasets.Value("string") for name in first}),
                # The time is part of the cache's key: a file that was written anew is read anew.
                gen_kwargs={"file": str(file), "written": Path(file).stat().st_mtime_ns},
                cache_dir=kwargs.get("cache_dir"),
            )
        return loaded

    datasets.load_dataset = load_dataset


def read_rows(file: str, written: int) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - part of the cache's key
    """The rows of a clean file (see `guest.training.dataset.write_clean`)."""
    with Path(file).open(encoding="ascii") as lines:
        for line in lines:
            yield json.loads(line)
