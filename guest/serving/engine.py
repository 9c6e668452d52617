"""The engine behind upstream's page: started before it, asked by it and by the API, switched while it runs."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from guest.engine.conversation import Conversation, StreamChat
from guest.engine.decoder import Decoder
from guest.engine.host import free_host_bytes
from guest.engine.kept import kept_file
from guest.engine.opening import open_decoder
from guest.engine.prefix import load_prefix
from guest.engine.reading import Warming
from guest.engine.scheduler import Scheduler
from guest.engine.torch_later import torch
from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.phrases import phrase, said
from guest.serving import live

BITS = {"fp16": None, "int8": 8, "int4": 4}
PRECISION: Mapping[int | None, str] = {bits: name for name, bits in BITS.items()}
#: How the demo's process ends after a failure of the card, so that its supervisor starts it again.
FAILED_EXIT = 70
_POLL_SECONDS = 0.5
#: Memory of the host that this process takes itself, most of it torch's; 3.7 GB at most were measured.
PROCESS_BYTES = 4 * 10**9


def say(line: str) -> None:
    """One line for the demo's log."""
    sys.stdout.write(f"engine: {line}\n")
    sys.stdout.flush()


def checkpoint_of(serving: Mapping[str, Any]) -> Path | None:
    """The checkpoint whose prefix a choice asks for; None for the base model."""
    if not serving["arguments"]:
        return None
    told: dict[str, Any] = json.loads(Path(serving["arguments"][0]).read_text(encoding="utf-8"))
    checkpoint = told.get("ptuning_checkpoint")
    return None if checkpoint is None else Path(checkpoint)


def earlier_failure(root: Path) -> str | None:
    """Why the engine ended the demo's last process; told once, so that the start after this one tries it again."""
    path = root / "state" / "engine-failed.json"
    told = read_json(path)
    path.unlink(missing_ok=True)
    return None if told is None else told.get("reason") or ""


class ServedEngine:
    """`bits` are those of the weights (None: fp16); another choice on the same bits needs no new start."""

    def __init__(
        self, root: Path, decoder: Decoder, tokenizer: Any, bits: int | None, serving: Mapping[str, Any]
    ) -> None:
        self._root, self._decoder, self._bits = root, decoder, bits
        self.scheduler = Scheduler(decoder, failed=self._fail)
        self.conversation = Conversation(self.scheduler, tokenizer, decoder.shape)
        self._choice = ""
        self.serve(serving)

    @property
    def most(self) -> int:
        """Requests that may be under way or wait for the card before gradio's own line begins."""
        return 2 * self._decoder.slots.most

    def served(self) -> str:
        """The choice that is served now."""
        return self._choice

    def serve(self, serving: Mapping[str, Any]) -> None:
        """Put the prefix of a choice in its place and say so. Raises GuestError, and then nothing has changed."""
        started = time.monotonic()
        checkpoint = checkpoint_of(serving)
        decoder = self._decoder
        prefix = None if checkpoint is None else load_prefix(checkpoint, decoder.shape, decoder.device, decoder.dtype)
        self.scheduler.use_prefix(prefix)
        self._choice = str(serving["choice"])
        self._tell(seconds=round(time.monotonic() - started, 3))
        say(
            phrase(
                "{choice} is served; the switch took {seconds:.1f} s.",
                choice=self._choice,
                seconds=time.monotonic() - started,
            )
        )

    def follow(self, read: Callable[[], dict[str, Any] | None], ended: threading.Event) -> None:
        """Serve whatever is asked for in `state/serving.json` until `ended` is set."""
        refused = ""
        while not ended.wait(_POLL_SECONDS):
            serving = read()
            if serving is None or serving.get("choice") in (self._choice, refused):
                continue
            try:
                self.serve(serving)
                refused = ""
            except (GuestError, OSError, ValueError, KeyError) as error:
                refused = str(serving.get("choice"))
                self._tell(refused=refused, error=said(error))
                say(phrase("{refused} is not served: {error}", refused=refused, error=error))

    def _tell(self, **more: Any) -> None:
        live.tell(self._root, choice=self._choice, bits=self._bits, engine="fast", **more)

    def _fail(self, error: Exception) -> None:
        """A card that failed is of no use to this process: end it, and let the next one serve by upstream's loop."""
        write_json(self._root / "state" / "engine-failed.json", {"reason": said(error)})
        say(phrase("failed: {error}. The demo starts again with upstream's own loop.", error=error))
        os._exit(FAILED_EXIT)


def start_engine(root: Path, model: Path, bits: int | None, serving: Mapping[str, Any]) -> ServedEngine:
    """The engine for a choice. Raises CudaError, GuestError or ImportError where it cannot serve here."""
    # The disk reads what will be loaded while torch is imported and the card wakes.
    warming = Warming(files_to_load(model, bits), free_host_bytes() - PROCESS_BYTES)
    try:
        if torch.cuda.is_available():
            torch.zeros(1, device="cuda")
    finally:
        warming.end()
    percent = [-10]

    def progress(done: int, all_of: int) -> None:
        now = done * 100 // max(1, all_of)
        if now >= percent[0] + 10 or done == all_of:
            percent[0] = now
            say(
                phrase("weights {now} % ({done:.1f} of {all_of:.1f} GB)", now=now, done=done / 1e9, all_of=all_of / 1e9)
            )

    # transformers takes seconds to import, and the weights longer to arrive.
    with ThreadPoolExecutor(1, thread_name_prefix="tokenizer") as beside:
        tokenizer = beside.submit(_tokenizer, model)
        decoder = open_decoder(model, PRECISION[bits], root / "cache" / "kernels", say=say, progress=progress)
        return ServedEngine(root, decoder, tokenizer.result(), bits, serving)


def _tokenizer(model: Path) -> Any:
    transformers: Any = importlib.import_module("transformers")
    return transformers.AutoTokenizer.from_pretrained(str(model), trust_remote_code=True)


def files_to_load(model: Path, bits: int | None) -> list[Path]:
    """The files of weights that a start reads, in their order: those kept of an earlier one, or the model's."""
    kept = None if bits is None else kept_file(model, bits)
    return [kept] if kept is not None and kept.is_file() else sorted(model.glob("pytorch_model*.bin"))


def give_memory_back() -> None:
    """Free the card of an engine that did not start: upstream's loop needs the room."""
    gc.collect()
    # Only a torch that was imported can hold any.
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_available():
        cuda.empty_cache()


class EngineModel(StreamChat):
    """What upstream's page gets for a model: it moves and quantises nothing, since all that is done."""

    def half(self) -> EngineModel:
        return self

    def cuda(self) -> EngineModel:
        return self

    def quantize(self, bits: int) -> EngineModel:  # noqa: ARG002
        return self


def stand_in(model: EngineModel) -> None:
    """Let `AutoModel.from_pretrained` of transformers give the engine, whatever it is asked for."""
    auto: Any = importlib.import_module("transformers").AutoModel
    auto.from_pretrained = lambda *_, **__: model
