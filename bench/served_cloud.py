"""A local cloud of its own for a benchmark: a process beside ours, gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud import process
from localcloud.keys import read_keys
from localcloud.signature import Keys


@contextmanager
def served_cloud(speed: str = "60") -> Iterator[tuple[str, Keys, Path]]:
    """Its URL, keys and data folder."""
    with tempfile.TemporaryDirectory(prefix="localcloud-bench-") as name:
        data = Path(name)
        running, _ = process.start(data, 0, speed, guests=False, progress=lambda _: None)
        try:
            yield running.url, read_keys(data), data
        finally:
            process.stop(data, progress=lambda _: None)
