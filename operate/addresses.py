"""Ways into the machine for a person: the demo in the browser, remote desktop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operate.errors import parked
from operate.stacks import Stack
from words import phrase


def demo_url(stack: Stack) -> str:
    """Where the demo is. Raises OperateError when the stack has no machine."""
    url = stack.outputs.get("demoUrl")
    if not url:
        raise parked(stack.state)
    return str(url)


def browser_warning(outputs: Mapping[str, Any]) -> str:
    """What a person is told who opens the demo over HTTPS; empty where it is plain HTTP."""
    url, shown = str(outputs.get("demoUrl") or ""), outputs.get("demoFingerprint")
    if not url.startswith("https:"):
        return ""
    if not shown:
        return phrase(
            "Its certificate is not known here yet: run pulumi up with chatglm:waitReady true before you log in."
        )
    return phrase(
        "The browser warns that it does not know the certificate, which is the machine's own. Before you go on, "
        "compare its SHA-256 fingerprint with {print}",
        print=shown,
    )


def rdp_text(address: str) -> str:
    """An .rdp file's content. The password is not in it: Windows asks for it."""
    return "\r\n".join(
        (
            f"full address:s:{address}",
            "username:s:Administrator",
            "prompt for credentials:i:1",
            # The machine's certificate is its own; a warning is shown, and the connection is encrypted all the same.
            "authentication level:i:2",
            "redirectclipboard:i:1",
            "screen mode id:i:2",
            "",
        )
    )


def write_rdp(stack: Stack, target: Path) -> Path:
    """Write the file. Raises OperateError when the stack has no machine."""
    address = stack.outputs.get("rdpAddress")
    if not address:
        raise parked(stack.state)
    target.write_text(rdp_text(str(address)), encoding="ascii", newline="")
    return target
