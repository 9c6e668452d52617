"""A short run of what `bench` does for long: random requests, and many clients at once."""

from __future__ import annotations

import pytest

from bench.fuzz_localcloud import fuzz
from bench.load_localcloud import measure_load


@pytest.mark.slow
def test_random_requests_break_nothing() -> None:
    result = fuzz(requests=2000)
    assert result.requests == 2000
    assert result.crashes == 0, f"seed {result.seed}"
    # The requests are no mere noise: many work, and the others fail in many ways.
    assert result.worked > 200
    assert len(result.codes) > 30


@pytest.mark.slow
def test_sixty_four_clients_at_once_lose_no_write() -> None:
    load = measure_load(clients=64, seconds=2)
    assert (load.errors, load.lost_writes) == (0, 0)
    assert load.requests > 64 * 4
