"""How fast the simulated machine works. Assumed values, not measured on any real machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Network in bytes per second (shared by all downloads of a machine); waits in cloud seconds."""

    network: float = 100e6 / 8
    boot_seconds: float = 40.0
    demo_load_seconds: float = 5.0
