"""How a waiting for the machine ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from line.channel import ChannelError
from words import heard, phrase


@dataclass(frozen=True)
class Ready:
    """The demo answers. `seconds` is how long it took, `status` the machine's own, `notes` what to tell besides."""

    status: Mapping[str, Any]
    seconds: float
    notes: tuple[str, ...] = ()


class BootstrapFailedError(ChannelError):
    """The installation failed in a step; the machine is still there."""

    def __init__(self, step: str, error: str, hint: str, log_tail: str = "") -> None:
        super().__init__(phrase("The installation failed in the step {step}: {error}", step=step, error=error), hint)
        self.step, self.error, self.log_tail = step, error, log_tail


class ReadyTimeoutError(ChannelError):
    """The machine was not ready in time; it goes on by itself."""


def bootstrap_failed(status: Mapping[str, Any]) -> BootstrapFailedError:
    """The error of a status whose phase is failed: the step, its reason, its hint and the end of its log."""
    failed: Mapping[str, Any] = next((step for step in status.get("steps", []) if step.get("state") == "failed"), {})
    error = failed.get("error") or status.get("error") or {}
    message = heard(error) or heard(status) or phrase("no reason was told")
    hint = phrase("{hint} The machine stays for a look; `pulumi up` tries again.", hint=heard(error, "hint")).strip()
    return BootstrapFailedError(heard(failed, "title") or "?", message, hint, str(error.get("logTail") or ""))
