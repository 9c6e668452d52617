"""What stands behind three figures, in one short run: the load's time and memory, ties with a prefix, int4's share.

    python -m bench.card.reasons MODEL OUT [SECONDS]

MODEL is written first. A part that would begin after SECONDS is left out and said. Needs torch alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]

from bench.card import measure
from bench.card import model as real
from guest.engine.cuda import kernels
from guest.engine.cuda.driver import CudaError
from guest.engine.decoder import Decoder
from guest.engine.opening import open_decoder
from guest.engine.prefill import cache_prefix, last_logits, through_layers
from guest.engine.prefix import Prefix
from guest.engine.prompt import place
from guest.engine.sampling import Sampling

STARTED = time.perf_counter()
PROMPTS, STEPS, SPREAD = 8, 64, 0.2
#: Tiles of int4 that a thread has under way, and warps of a block at most.
VARIANTS = ((8, 16), (8, 8), (4, 16), (4, 8), (16, 16))


def greedy(decoder: Decoder, tokens: list[int], steps: int) -> list[int]:
    """The decoder's likeliest tokens, one after the other."""
    prompt = place(tokens, decoder.shape)
    span = decoder.cache.places.lend(decoder.places_for(prompt, steps))
    assert span is not None
    made = [decoder.begin(0, prompt, span, measure.GREEDY)]
    while len(made) < steps:
        made.append(decoder.launch(1).tokens()[0])
    decoder.end(0)
    decoder.cache.places.take_back(span)
    return made


def logits_of_all(decoder: Decoder, tokens: list[int], answer: list[int]) -> Any:
    """Logits before each token of an answer, in one pass by torch: (tokens of the answer, vocabulary)."""
    prompt, cache, prefill = place([*tokens, *answer[:-1]], decoder.shape), decoder.cache, decoder._prefill
    before = cache_prefix(cache, 0, decoder.prefix)
    given, *places = (
        torch.tensor(row, device=decoder.device) for row in (prompt.tokens, prompt.positions, prompt.blocks)
    )

    def attend(layer: int, queries: Any, keys: Any, values: Any) -> Any:
        cache.write(layer, before, keys, values)
        return prefill._attend(layer, queries, 0, before, prompt.context)

    def multiply(linear: Any, values: Any) -> Any:
        return linear.apply(values)

    with torch.no_grad():
        weights, ends = decoder.weights, (places[0], places[1])
        hidden = through_layers(weights, given, decoder.tables, ends, attend, multiply)
        return last_logits(weights, hidden[prompt.context :]).float()


def own_prefix(decoder: Decoder) -> Prefix:
    """Keys and values that the model itself makes of a prompt: of the size of what it was trained to look at."""
    prompt = place(real.prompt(measure.PREFIX, 99), decoder.shape)
    span = decoder.cache.places.lend(decoder.places_for(prompt, 1))
    assert span is not None
    with torch.no_grad():
        decoder._prefill.run(prompt, span.start, None)
    places = slice(span.start, span.start + measure.PREFIX)
    taken = Prefix(decoder.cache.keys[:, :, places].clone(), decoder.cache.values[:, :, places].clone())
    decoder.cache.places.take_back(span)
    return taken


def random_prefix(decoder: Decoder, spread: float) -> Prefix:
    shape = decoder.shape
    table = (torch.randn(measure.PREFIX, shape.cache_values, device=decoder.device) * spread).to(decoder.dtype)
    split = table.view(-1, shape.layers, 2, shape.heads, shape.head).permute(1, 2, 3, 0, 4)
    return Prefix(split[:, 0].contiguous(), split[:, 1].contiguous())


def tokens_of(number: int) -> list[int]:
    """The prompt of that number, each of another length."""
    return real.prompt(4 + (number * 11) % 90, number)


def ties(
    decoder: Decoder, prefix: Prefix | None, prompts: Iterable[int] = range(PROMPTS), steps: int = STEPS
) -> dict[str, Any]:
    """Steps at which the engine takes another token than the same model in fp32 after the same tokens."""
    decoder.set_prefix(prefix)
    exact = measure.exact(decoder)
    margins: list[float] = []
    lost: list[float] = []
    tokens_seen: set[int] = set()
    for number in prompts:
        tokens = tokens_of(number)
        made = greedy(decoder, tokens, steps)
        tokens_seen |= set(made)
        logits = logits_of_all(exact, tokens, made)
        top = logits.topk(2, dim=-1)
        taken = logits.gather(1, torch.tensor(made, device=logits.device)[:, None])[:, 0]
        margins += (top.values[:, 0] - top.values[:, 1]).tolist()
        lost += [float(gap) for gap in (top.values[:, 0] - taken).tolist() if gap > 0]
    return {
        "steps": len(margins),
        "differ": len(lost),
        "share": round(len(lost) / len(margins), 4),
        "largest_margin_where_different": round(max(lost, default=0.0), 4),
        "median_margin": round(statistics.median(margins), 4),
        "margins_below_0.1": sum(margin < 0.1 for margin in margins),
        "different_tokens": len(tokens_seen),
    }


def several_kernels(decoder: Decoder, compiled: Path) -> dict[str, float | str]:
    """int4's tokens a second by tiles under way and the most warps of a block."""
    found: dict[str, float | str] = {}
    ahead, most = kernels.AHEAD[4], kernels.MOST_WARPS
    for kernels.AHEAD[4], kernels.MOST_WARPS in VARIANTS:
        name = f"{kernels.AHEAD[4]} ahead, {kernels.MOST_WARPS} warps"
        try:
            decoder._step._kernels = kernels.Kernels(decoder.shape, decoder.device, compiled)  # type: ignore[attr-defined]
            decoder.prepare()
            rates = [
                measure.speed(measure.free_run(decoder, real.prompt(32, n), 200, Sampling(seed=n))) for n in range(3)
            ]
            found[name] = round(statistics.median(rates), 1)
        except CudaError as error:
            found[name] = str(error)
    kernels.AHEAD[4], kernels.MOST_WARPS = ahead, most
    return found


class Reasons:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.told: dict[str, Any] = {"card": torch.cuda.get_device_name(), "torch": torch.__version__}

    def part(self, name: str, work: Callable[[], Any]) -> None:
        begun = time.perf_counter() - STARTED
        if begun > self.arguments.seconds:
            self.told[name] = f"left out: {begun:.0f} s had passed"
        else:
            try:
                self.told[name] = work()
            except Exception:
                self.told[name] = {"error": traceback.format_exc()[-1500:]}
        self.told.setdefault("seconds", {})[name] = round(time.perf_counter() - STARTED - begun, 1)
        sys.stdout.write(f"{name}: {json.dumps(self.told[name])}\n")
        sys.stdout.flush()
        self.arguments.out.write_text(json.dumps(self.told, indent=1) + "\n", encoding="utf-8")

    def run(self) -> None:
        real.write(self.arguments.model, self.arguments.layers)
        torch.cuda.empty_cache()
        self.told["written_s"] = round(time.perf_counter() - STARTED, 1)
        self.part("fp16", self.fp16)
        torch.cuda.empty_cache()
        # Now that the kernels are compiled, as they are on any start but the first.
        self.part("load_fp16", lambda: self.load("load", "fp16", "pytorch_model*.bin"))
        self.part("load_fp16_libraries_first", lambda: self.load("load-libraries-first", "fp16", ""))
        self.part("int4", self.int4)
        torch.cuda.empty_cache()
        self.part("load_int4", lambda: self.load("load", "int4", "engine-int4.weights"))
        self.part("int4_kernels", self.int4_kernels)

    def fp16(self) -> dict[str, Any]:
        decoder = open_decoder(self.arguments.model, "fp16", self.arguments.model / "compiled")
        kinds = {"none": None, "own": own_prefix(decoder), "random": random_prefix(decoder, SPREAD)}
        return {name: ties(decoder, prefix) for name, prefix in kinds.items()}

    def int4(self) -> dict[str, Any]:
        """Quantised and kept; and the next time read from there."""
        kept, compiled = Event(), self.arguments.model / "compiled"
        started = time.perf_counter()
        open_decoder(self.arguments.model, "int4", compiled, say=lambda _: kept.set())
        opened = time.perf_counter() - started
        return {"opened_s": round(opened, 2), "kept": kept.wait(60)}

    def int4_kernels(self) -> dict[str, float | str]:
        compiled = self.arguments.model / "compiled"
        return several_kernels(open_decoder(self.arguments.model, "int4", compiled), compiled)

    def load(self, role: str, precision: str, pattern: str) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if pattern:
            measure.drop_caches()
            seconds, size = measure.raw_read(self.arguments.model, pattern)
            told = {"raw_read_s": round(seconds, 2), "bytes": size}
        measure.drop_caches()
        return {**told, **measure.child(self.arguments, role, precision)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("seconds", type=float, nargs="?", default=130)
    parser.add_argument("--layers", type=int, default=28)
    Reasons(parser.parse_args()).run()


if __name__ == "__main__":
    main()
