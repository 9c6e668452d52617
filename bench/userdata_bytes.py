"""Largest user data over a matrix of settings, and at the limits of all settings at once."""

from __future__ import annotations

from bench.figure import Figure
from components.bootstrap.render import MAX_USER_DATA_BYTES, render
from tools.powershell_matrix import extreme_inputs, inputs, matrix


def measure() -> list[Figure]:
    tried = [*map(inputs, matrix()), extreme_inputs()]
    largest = max(len(render(one).user_data.encode("ascii")) for one in tried)
    return [Figure("userdata_bytes", largest, "bytes", MAX_USER_DATA_BYTES)]
