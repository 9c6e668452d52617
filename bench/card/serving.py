"""How the machine serves, on a card: scheduler thread, answerer of the API, clients at once, a run deployed meanwhile.

    python -m bench.card.serving MODEL OUT

MODEL is a folder that `bench.card.model` has written, or is written now.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]

from bench.card import model as real
from guest.engine.opening import open_decoder
from guest.serving.answerers import EngineAnswerer
from guest.serving.api_request import read_request
from guest.serving.engine import ServedEngine

TOKENS = 200
BASE = {"choice": "base", "arguments": []}


class Letters:
    """One token a letter: the real tokenizer's file is not here."""

    def encode(self, text: str) -> list[int]:
        return [
            *(20005 + ord(letter) % 100_000 for letter in text),
            real.CONFIG["gmask_token_id"],
            real.CONFIG["bos_token_id"],
        ]

    def decode(self, tokens: list[int]) -> str:
        return "".join(chr(0x4E00 + token % 20_000) for token in tokens)


def ask(engine: ServedEngine, number: int) -> int:
    """One request; the tokens that it got."""
    body = {"model": "chatglm-6b", "max_tokens": TOKENS, "temperature": 0, "messages": [
        {"role": "user", "content": f"question number {number}, please answer at length"}]}  # fmt: skip
    made = [part.made for part in EngineAnswerer(engine.conversation, engine.served).answer(read_request(body))]
    return made[-1]


def rate(engine: ServedEngine, clients: int) -> float:
    """Tokens a second of so many clients together, each in a thread of its own."""
    made: list[int] = []
    threads = [threading.Thread(target=lambda n=n: made.append(ask(engine, n))) for n in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(made) / (time.perf_counter() - started)


def tuned(folder: Path, values: int) -> dict[str, Any]:
    checkpoint = folder / "checkpoint-100"
    checkpoint.mkdir(parents=True)
    name = "transformer.prefix_encoder.embedding.weight"
    torch.save({name: torch.randn(128, values) * 0.2}, checkpoint / "pytorch_model.bin")
    arguments = folder / "arguments.json"
    arguments.write_text(json.dumps({"ptuning_checkpoint": str(checkpoint)}), encoding="utf-8")
    return {"choice": "run/checkpoint-100", "arguments": [str(arguments)]}


def measure(model: Path, precision: str) -> dict[str, Any]:
    root = Path(tempfile.mkdtemp())
    (root / "state").mkdir()
    lines: list[str] = []
    decoder = open_decoder(model, precision, model / "compiled", say=lines.append)
    engine = ServedEngine(root, decoder, Letters(), None, BASE)
    run = tuned(root, decoder.shape.cache_values)
    ask(engine, 0)
    told: dict[str, Any] = {"tokens_s": {str(n): round(rate(engine, n), 1) for n in (1, 2, 4, 8, 16)}}
    # While the quantised weights are being kept, and while others ask.
    others = [threading.Thread(target=ask, args=(engine, n)) for n in range(4)]
    for thread in others:
        thread.start()
    started = time.perf_counter()
    engine.serve(run)
    told["switch_while_busy_s"] = round(time.perf_counter() - started, 3)
    for thread in others:
        thread.join()
    started = time.perf_counter()
    engine.serve(BASE)
    engine.serve(run)
    told["two_switches_idle_s"] = round(time.perf_counter() - started, 3)
    told["tuned_tokens"] = ask(engine, 1)
    engine.scheduler.close()
    return {**told, "said": lines}


def main(model: Path, out: Path) -> None:
    if not (model / "config.json").is_file():
        real.write(model)
        torch.cuda.empty_cache()
    result: dict[str, Any] = {"card": torch.cuda.get_device_name(), "torch": torch.__version__}
    for precision in ("int4", "fp16"):
        result[precision] = measure(model, precision)
        torch.cuda.empty_cache()
        sys.stdout.write(f"{precision}: {json.dumps(result[precision])}\n")
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
