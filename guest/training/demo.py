"""What fine-tuning needs of the web demo: is it up, stop it, start it, wait until it answers.

The demo itself belongs to `guest.serving`.
"""

from __future__ import annotations

from typing import Protocol

from guest.machine import Machine
from guest.phrases import phrase
from guest.serving.control import Demo


class DemoControl(Protocol):
    """The web demo of this machine."""

    def is_running(self) -> bool: ...

    def is_wanted(self) -> bool:
        """Whether it runs or will: after a start of the machine its supervisor may only be on its way."""

    def stop(self) -> None:
        """End the demo and return when its GPU memory is free."""

    def start(self) -> None:
        """Start the demo with the serving settings as they are now; returns before it answers."""

    def wait_until_answers(self, seconds: float) -> str | None:
        """None when the demo answers; why it does not, at once when it fails and else after `seconds`."""


class NoDemo:
    """A machine on which no demo is installed."""

    def is_running(self) -> bool:
        return False

    def is_wanted(self) -> bool:
        return False

    def stop(self) -> None:
        return

    def start(self) -> None:
        return

    def wait_until_answers(self, seconds: float) -> str | None:  # noqa: ARG002
        return phrase("no demo is installed")


def control(machine: Machine) -> DemoControl:
    """The demo of this machine; none where nothing was installed that tells how to serve it."""
    if not (machine.root / "manifest.json").is_file():
        return NoDemo()
    return Demo(machine)
