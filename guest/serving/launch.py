"""Starts upstream's demo program with what it lacks: the local model, precision, address, port, login and limits.

    python -m guest.serving.launch PROGRAM [ARGUMENTS]

Upstream's file is not edited on the disk: its text is changed on the way into the interpreter, and gradio and the model
are given this project's values. Runs in a process of its own, in the environment that has gradio.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guest.engine.shards import DamagedError
from guest.errors import GuestError
from guest.files import read_json
from guest.gpu import free_bytes
from guest.loading import after_loading
from guest.phrases import phrase
from guest.serving.api_gate import Gate
from guest.serving.chat import limit_chat, limit_slider
from guest.serving.engine import (
    EngineModel,
    ServedEngine,
    earlier_failure,
    give_memory_back,
    say,
    stand_in,
    start_engine,
)
from guest.serving.front import with_api
from guest.serving.limits import most_tokens
from guest.serving.live import told_file
from guest.serving.login import Login, probe_token
from guest.serving.settings import DemoSettings, read_settings
from guest.serving.tls import SecureCookies, certificate_file, server_context
from guest.unattended.visits import Visits

HUB_NAME = '"THUDM/chatglm-6b"'
_TO_GPU = ".half().cuda()"
_BITS = {"int8": 8, "int4": 4}
#: The longest that the page and the API offer.
MOST_CONTEXT = 4096


def adapt(source: str, *, model: Path, precision: str) -> str:
    """The base demo's text with the model's folder and precision. A program without the Hub's name stays as it is.

    Raises GuestError when upstream's text is not as known: a silent miss would download 13 GB or fill the GPU.
    """
    count = source.count(HUB_NAME)
    if count == 0:
        return source
    if count != 2 or source.count(_TO_GPU) != 1:
        raise GuestError(
            phrase(
                "web_demo.py names {name} {count} times, not twice, or does not say {call} once.",
                name=HUB_NAME,
                count=count,
                call=_TO_GPU,
            ),
            phrase("The source is not the pinned commit; set sourceCommit to a known one."),
        )
    adapted = source.replace(HUB_NAME, repr(str(model)))
    bits = _BITS.get(precision)
    return adapted.replace(_TO_GPU, f".quantize({bits}){_TO_GPU}") if bits else adapted


def impose(launch: Callable[..., Any], settings: DemoSettings, login: Login, root: Path) -> Callable[..., Any]:
    """gradio's `launch` with this project's address, port, login and TLS, whatever the program asks for."""

    def launch_here(self: Any, *args: Any, **kwargs: Any) -> Any:
        kwargs |= {
            "server_name": settings.host,
            "server_port": settings.port,
            "auth": login,
            "share": False,
            "inbrowser": False,
        }
        if settings.tls:
            file = str(certificate_file(root))
            # gradio asks its own page over loopback, once, with nothing in it that is secret.
            kwargs |= {"ssl_keyfile": file, "ssl_certfile": file, "ssl_verify": False}
        return launch(self, *args, **kwargs)

    return launch_here


def show_renewed(root: Path) -> None:
    """Let the server that gradio starts show a renewed certificate without a restart. Raises OSError without a key."""
    config: Any = importlib.import_module("uvicorn.config")
    context = server_context(root)
    config.create_ssl_context = lambda *_, **__: context


def several_at_once(queue: Callable[..., Any], most: int) -> Callable[..., Any]:
    """gradio's `queue` that hands on so many requests at a time, instead of one after the other."""

    def queue_here(self: Any, *args: Any, **kwargs: Any) -> Any:
        return queue(self, *args, **{**kwargs, "concurrency_count": most})

    return queue_here


def bits_served(arguments: list[str], precision: str) -> int | None:
    """Bits of the weights: a tuned model has those it was trained with, the base model those of the settings."""
    if arguments:
        told: dict[str, Any] = json.loads(Path(arguments[0]).read_text(encoding="ascii"))
        return told.get("quantization_bit")
    return _BITS.get(precision)


def try_engine(root: Path, settings: DemoSettings, arguments: list[str]) -> ServedEngine | None:
    """The engine, or None with one line in the log that says why upstream's loop serves."""
    if settings.engine != "fast":
        say(phrase("chatglm:engine is upstream."))
        return None
    failure = earlier_failure(root)
    if failure is not None:
        say(phrase("upstream's loop serves, for this once: {failure}", failure=failure))
        return None
    bits = bits_served(arguments, settings.precision)
    serving = read_json(root / "state" / "serving.json") or {"choice": "base", "arguments": arguments}
    try:
        return start_engine(root, Path(os.environ["CHATGLM_MODEL"]), bits, {**serving, "arguments": arguments})
    except DamagedError:
        raise  # upstream's loop compares no checksums: it would answer nonsense
    except Exception as error:
        reason = error.message if isinstance(error, GuestError) else f"{error}"
        say(phrase("upstream's loop serves: {reason}", reason=reason))
    give_memory_back()
    return None


def is_upstreams(program: Path) -> bool:
    """Whether this is upstream's own page, and not a rehearsal's."""
    return not any((folder / "REHEARSAL.md").is_file() for folder in program.parents[:2])


def main(program: Path, arguments: list[str]) -> None:
    root = Path(os.environ["CHATGLM_ROOT"])
    # Else CUDA 11 on Windows loads each of torch's kernels at once: seconds, and memory of host and card.
    os.environ.setdefault("CUDA_MODULE_LOADING", "LAZY")
    settings = read_settings(root)
    engine = try_engine(root, settings, arguments) if is_upstreams(program) else None
    if engine is not None:
        stand_in(EngineModel(engine.conversation))
        follower = (lambda: read_json(root / "state" / "serving.json"), threading.Event())
        threading.Thread(target=engine.follow, args=follower, name="switch", daemon=True).start()
        if arguments:
            # Upstream's two pages look the same; that of a tuned model wants to load a prefix itself.
            program, arguments = program.parents[1] / "web_demo.py", []
    else:
        told_file(root).unlink(missing_ok=True)
    page: dict[str, Any] = {"__name__": "__main__", "__file__": str(program)}
    text = adapt(
        program.read_text(encoding="utf-8"), model=Path(os.environ["CHATGLM_MODEL"]), precision=settings.precision
    )
    sys.path.insert(0, str(program.parent))
    for folder in program.parents[:2]:
        if (folder / "REHEARSAL.md").is_file():
            sys.path.insert(1, str(folder))  # the rehearsal's stand-ins for the libraries
    try:
        gradio: Any = importlib.import_module("gradio")
    except ImportError as error:
        # The program itself says in its own words what is missing.
        sys.stderr.write(f"launch: {error}\n")
    else:
        most = most_tokens(bits_served(arguments, settings.precision), free_bytes())
        if settings.tls:
            show_renewed(root)
        gradio.Blocks.launch = impose(gradio.Blocks.launch, settings, Login(settings, probe_token(root)), root)
        if is_upstreams(program):
            gradio.Blocks.launch = with_api(
                gradio.Blocks.launch,
                lambda: _api(settings, engine, page) if settings.api_key_hash else None,
                lambda inner: _outermost(Visits(inner, root, lambda: probe_token(root)), settings),
            )
        if engine is not None:
            gradio.Blocks.queue = several_at_once(gradio.Blocks.queue, engine.most)
            limit_slider(gradio, min(MOST_CONTEXT, engine.conversation.context))
        else:
            limit_slider(gradio, most)
            after_loading(lambda model: limit_chat(model, most))
    sys.argv = [str(program), *arguments]
    exec(compile(text, str(program), "exec"), page)  # noqa: S102


def _outermost(layers: Any, settings: DemoSettings) -> Any:
    return SecureCookies(layers) if settings.tls else layers


def _api(settings: DemoSettings, engine: ServedEngine | None, page: dict[str, Any]) -> Any:
    """The API, answered by the engine or by the model that upstream's page has loaded."""
    from guest.serving.answerers import EngineAnswerer, UpstreamAnswerer
    from guest.serving.api import make_api

    answerer: Any
    if engine is not None:
        answerer = EngineAnswerer(engine.conversation, engine.served)
    else:
        root = Path(os.environ["CHATGLM_ROOT"])
        choice = str((read_json(root / "state" / "serving.json") or {}).get("choice", "base"))
        answerer = UpstreamAnswerer(page["model"], page["tokenizer"], lambda: choice)
    return make_api(answerer, Gate(settings.api_key_hash), settings.api_origins)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
