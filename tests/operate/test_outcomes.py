"""What an update leaves a person with."""

from __future__ import annotations

from io import StringIO
from typing import Any

from rich.console import Console, Group

from operate.outcomes import render


def shown(outputs: dict[str, Any]) -> str:
    out = StringIO()
    Console(file=out, width=240).print(Group(*render(outputs)))
    return out.getvalue()


def test_a_demo_over_https_is_told_with_the_fingerprint_to_compare() -> None:
    plain = {"demoUrl": "http://203.0.113.9:7860", "demoUser": "chatglm"}
    assert "Certificate" not in shown(plain)
    text = shown({**plain, "demoUrl": "https://203.0.113.9:7860", "demoFingerprint": "AB:CD"})
    assert "The browser warns" in text
    assert "fingerprint with AB:CD" in text
