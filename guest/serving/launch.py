"""Starts upstream's demo program with what it lacks: the local model, precision, address, port and login.

    python -m guest.serving.launch PROGRAM [ARGUMENTS]

Upstream's file is not edited on the disk: its text is changed on the way into the interpreter, and gradio's `launch` is
given this project's values. Runs in a process of its own, in the environment that has gradio.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.serving.login import Login, probe_token
from guest.serving.settings import DemoSettings, read_settings

HUB_NAME = '"THUDM/chatglm-6b"'
_TO_GPU = ".half().cuda()"
_BITS = {"int8": 8, "int4": 4}


def adapt(source: str, *, model: Path, precision: str) -> str:
    """The base demo's text with the model's folder and precision. A program without the Hub's name stays as it is.

    Raises GuestError when upstream's text is not as known: a silent miss would download 13 GB or fill the GPU.
    """
    count = source.count(HUB_NAME)
    if count == 0:
        return source
    if count != 2 or source.count(_TO_GPU) != 1:
        raise GuestError(
            f"web_demo.py names {HUB_NAME} {count} times, not twice, or does not say {_TO_GPU} once.",
            "The source is not the pinned commit; set sourceCommit to a known one.",
        )
    adapted = source.replace(HUB_NAME, repr(str(model)))
    bits = _BITS.get(precision)
    return adapted.replace(_TO_GPU, f".quantize({bits}){_TO_GPU}") if bits else adapted


def impose(launch: Callable[..., Any], settings: DemoSettings, login: Login) -> Callable[..., Any]:
    """gradio's `launch` with this project's address, port and login, whatever the program asks for."""

    def launch_here(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs |= {
            "server_name": settings.host,
            "server_port": settings.port,
            "auth": login,
            "share": False,
            "inbrowser": False,
        }
        return launch(self, *args, **kwargs)

    return launch_here


def main(program: Path, arguments: list[str]) -> None:
    root = Path(os.environ["CHATGLM_ROOT"])
    settings = read_settings(root)
    text = adapt(
        program.read_text(encoding="utf-8"), model=Path(os.environ["CHATGLM_MODEL"]), precision=settings.precision
    )
    try:
        from gradio import Blocks  # type: ignore[import-not-found]
    except ImportError:
        pass  # a rehearsal's page needs none; the real program says itself that it is missing
    else:
        Blocks.launch = impose(Blocks.launch, settings, Login(settings, probe_token(root)))
    sys.argv = [str(program), *arguments]
    sys.path.insert(0, str(program.parent))
    exec(compile(text, str(program), "exec"), {"__name__": "__main__", "__file__": str(program)})  # noqa: S102


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
