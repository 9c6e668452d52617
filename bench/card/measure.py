"""Measures the engine beside upstream's own code on the card that is there; writes one JSON document.

    python -m bench.card.measure --upstream FOLDER --model FOLDER --out FILE [--parts equality,speed,...]

`--upstream` holds modeling_chatglm.py, configuration_chatglm.py and quantization.py of THUDM/chatglm-6b at v1.1.0.
The model (random numbers of the real shape) is written to `--model` first. Needs torch, transformers 4.27.1 and
cpm_kernels.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]

from bench.card import model as real
from bench.card import upstream
from guest.engine.decoder import Decoder
from guest.engine.linear import Linear
from guest.engine.opening import open_decoder
from guest.engine.prefill import Prefill
from guest.engine.prefix import Prefix, load_prefix
from guest.engine.prompt import place
from guest.engine.sampling import Sampling
from guest.engine.torch_step import TorchStep
from guest.engine.weights import Layer, Norm, Weights

PRECISIONS = ("fp16", "int8", "int4")
BITS = {"fp16": 16, "int8": 8, "int4": 4}
GREEDY = Sampling(temperature=0)
#: Logits of two roundings of the same sum in fp16 may be that far apart; below it, which is larger is a tie.
TIE = {"fp16": 0.3, "int8": 0.3, "int4": 0.3}
NEW, PROMPTS, PREFIX = 256, 50, 128


def free_run(decoder: Decoder, tokens: list[int], new: int, sampling: Sampling) -> list[float]:
    """Generate and return the seconds at which each token was there, from the start of the prompt's pass."""
    prompt = place(tokens, decoder.shape)
    span = decoder.cache.places.lend(decoder.places_for(prompt, new))
    assert span is not None
    torch.cuda.synchronize()
    started = time.perf_counter()
    decoder.begin(0, prompt, span, sampling)
    times = [time.perf_counter() - started]
    ahead = decoder.launch(1)
    for number in range(1, new):
        pending, ahead = ahead, decoder.launch(1) if number + 1 < new else ahead
        pending.tokens()
        times.append(time.perf_counter() - started)
    decoder.end(0)
    decoder.cache.places.take_back(span)
    return times


def forced(decoder: Decoder, batch: list[list[int]], wanted: list[list[int]]) -> list[list[int]]:
    """The engine's likeliest token at each step when the tokens before it are those wanted."""
    results: list[list[int]] = []
    most = decoder.slots.most
    for first in range(0, len(batch), most):
        group = batch[first : first + most]
        spans, rows = [], []
        for slot, tokens in enumerate(group):
            prompt = place(tokens, decoder.shape)
            span = decoder.cache.places.lend(decoder.places_for(prompt, len(wanted[0])))
            assert span is not None
            spans.append(span)
            rows.append([decoder.begin(slot, prompt, span, GREEDY)])
        targets = torch.tensor(wanted[first : first + most], dtype=torch.int32, device="cuda")
        steps = []
        for number in range(len(wanted[0]) - 1):
            decoder.slots.numbers[decoder.slots.TOKEN, : len(group)] = targets[:, number]
            decoder.launch(len(group))
            steps.append(decoder.slots.numbers[decoder.slots.TOKEN, : len(group)].clone())
        made = torch.stack(steps, 1).tolist() if steps else [[] for _ in group]
        results += [row + more for row, more in zip(rows, made, strict=True)]
        for slot, span in enumerate(spans):
            decoder.end(slot)
            decoder.cache.places.take_back(span)
    return results


def first_logits(decoder: Decoder, batch: list[list[int]]) -> Any:
    rows = []
    for tokens in batch:
        prompt = place(tokens, decoder.shape)
        span = decoder.cache.places.lend(decoder.places_for(prompt, 1))
        assert span is not None
        with torch.no_grad():
            rows.append(decoder._prefill.run(prompt, span.start, decoder.prefix).float())
        decoder.cache.places.take_back(span)
    return torch.cat(rows)


def exact(decoder: Decoder) -> Decoder:
    """The same model in fp32, with the positions' table as fp16 rounds it: what both are roundings of."""
    weights = decoder.weights

    def wide(linear: Linear) -> Linear:
        bias = None if linear.bias is None else linear.bias.float()
        return Linear(linear.matrix(torch.float32).float(), linear.rows, linear.columns, bias)

    def norm(given: Norm) -> Norm:
        return Norm(given.weight.float(), given.bias.float())

    layers = [
        Layer(norm(each.before), wide(each.attention_in), wide(each.attention_out), norm(each.between), wide(each.up),
              wide(each.down))
        for each in weights.layers
    ]  # fmt: skip
    output = wide(weights.output)
    made = Decoder(Weights(weights.shape, 16, output.data, output, norm(weights.final), layers), 512, most=1)
    made.tables = tuple(table[:513].float() for table in decoder.tables)
    made._prefill = Prefill(made.weights, made.cache, made.tables)
    if decoder.prefix is not None:
        made.prefix = Prefix(decoder.prefix.keys.float(), decoder.prefix.values.float())
    return made


def compare(decoder: Decoder, theirs: Any, precision: str, count: int, new: int) -> dict[str, Any]:
    batch = [real.prompt(4 + (number * 11) % 90, number) for number in range(count)]
    wanted, margins, logits = upstream.greedy(theirs, batch, new)
    made = forced(decoder, batch, wanted)
    ours = first_logits(decoder, batch)
    off, true = (ours - logits).abs(), first_logits(exact(decoder), batch)
    torch.cuda.empty_cache()
    total = beyond = ties = 0
    worst = 0.0
    for want, margin, got in zip(wanted, margins, made, strict=True):
        for token, space, other in zip(want, margin, got, strict=True):
            total += 1
            ties += space < TIE[precision]
            if token != other:
                worst = max(worst, space)
                beyond += space >= TIE[precision]
    equal = sum(w == g for want, got in zip(wanted, made, strict=True) for w, g in zip(want, got, strict=True))
    return {
        "prompts": count,
        "steps": total,
        "equal": equal,
        "differ_beyond_a_tie": beyond,
        "largest_margin_where_different": round(worst, 4),
        "steps_with_a_margin_below_the_bound": ties,
        "bound": TIE[precision],
        "largest_logit": round(float(logits.abs().max()), 2),
        "largest_difference_of_first_logits": round(float(off.max()), 4),
        "mean_difference_of_first_logits": round(float(off.mean()), 5),
        "mean_distance_from_fp32_ours": round(float((ours - true).abs().mean()), 5),
        "mean_distance_from_fp32_upstream": round(float((logits - true).abs().mean()), 5),
        "different_tokens": len({t for row in wanted for t in row}),
    }


def kernels_against_torch(decoder: Decoder) -> dict[str, float]:
    """Logits of one step by the kernels against the same step by torch, for several numbers of slots."""
    by_torch = TorchStep(decoder.weights, decoder.cache, decoder.tables, decoder.slots)
    spans, found = [], {}
    for slot in range(decoder.slots.most):
        prompt = place(real.prompt(5 + 61 * slot, slot), decoder.shape)
        span = decoder.cache.places.lend(decoder.places_for(prompt, 4))
        assert span is not None
        spans.append(span)
        decoder.begin(slot, prompt, span, GREEDY)
    before = decoder.slots.numbers.clone()
    for count in (1, 2, 3, 8):
        with torch.no_grad():
            decoder.slots.numbers.copy_(before)
            expected = by_torch.logits(count).float()
            decoder.slots.numbers.copy_(before)
            got = decoder._step.logits(count).float().clone()
        assert bool(torch.isfinite(got).all())
        found[str(count)] = round(float((got - expected).norm() / expected.norm()), 6)
    for slot, span in enumerate(spans):
        decoder.end(slot)
        decoder.cache.places.take_back(span)
    return found


def speed(times: list[float]) -> float:
    """Tokens a second after the first."""
    return (len(times) - 1) / (times[-1] - times[0])


def their_times(theirs: Any, tokens: list[int], new: int) -> list[float]:
    torch.cuda.synchronize()
    started = time.perf_counter()
    return [time.perf_counter() - started for _ in upstream.stream(theirs, tokens, new)]


def bandwidth() -> float:
    """Bytes a second that a large read of the card's memory reaches (sum of 8 GB in fp16)."""
    big = torch.ones(4 * 10**9, dtype=torch.float16, device="cuda")
    torch.cuda.synchronize()
    spans = []
    for _ in range(5):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        big.sum(dtype=torch.float32)
        end.record()
        torch.cuda.synchronize()
        spans.append(start.elapsed_time(end) / 1000)
    return float(8e9 / statistics.median(spans))


def profile(decoder: Decoder) -> list[dict[str, Any]]:
    """Time by kernel of 20 steps in the graph, in microseconds a step."""
    from torch.profiler import ProfilerActivity  # type: ignore[import-not-found, unused-ignore]
    from torch.profiler import profile as profiler

    prompt = place(real.prompt(300), decoder.shape)
    span = decoder.cache.places.lend(decoder.places_for(prompt, 64))
    assert span is not None
    decoder.begin(0, prompt, span, Sampling())
    for _ in range(5):
        decoder.launch(1)
    torch.cuda.synchronize()
    with profiler(activities=[ProfilerActivity.CUDA]) as seen:
        started = time.perf_counter()
        for _ in range(20):
            decoder.launch(1)
        torch.cuda.synchronize()
        wall = time.perf_counter() - started
    rows = sorted(seen.key_averages(), key=lambda row: -row.self_device_time_total)[:14]
    table = [
        {"kernel": row.key[:60], "us": round(row.self_device_time_total / 20, 1), "calls": row.count / 20}
        for row in rows
    ]
    decoder.end(0)
    decoder.cache.places.take_back(span)
    return [{"wall_us": round(wall / 20 * 1e6)}, *table]


def concurrent(decoder: Decoder, clients: int, new: int = 128) -> float:
    """Tokens a second of all clients together, prompts of 32 tokens taken in first."""
    spans = []
    for slot in range(clients):
        prompt = place(real.prompt(32, slot), decoder.shape)
        span = decoder.cache.places.lend(decoder.places_for(prompt, new))
        assert span is not None
        spans.append(span)
        decoder.begin(slot, prompt, span, Sampling())
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(new):
        decoder.launch(clients).tokens()
    rate = clients * new / (time.perf_counter() - started)
    for slot, span in enumerate(spans):
        decoder.end(slot)
        decoder.cache.places.take_back(span)
    return rate


def child(arguments: argparse.Namespace, role: str, precision: str) -> dict[str, Any]:
    """A measurement in a process of its own: seconds from its start to its last line, and what it printed."""
    command = [sys.executable, "-m", "bench.card.child", role, str(arguments.model), precision]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        return {"error": done.stderr[-1500:]}
    return {"process_seconds": round(seconds, 2), **json.loads(done.stdout.splitlines()[-1])}


def drop_caches() -> None:
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def raw_read(folder: Path, pattern: str) -> tuple[float, int]:
    """Seconds and bytes of reading files one after the other, as `cat` does."""
    block, total = bytearray(16 << 20), 0
    started = time.perf_counter()
    for path in sorted(folder.glob(pattern)):
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(block):
                total += count
    return time.perf_counter() - started, total


class Measurement:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.result: dict[str, Any] = {
            "date": date.today().isoformat(),
            "card": torch.cuda.get_device_name(),
            "torch": torch.__version__,
            "command": f"python -m bench.card.measure --parts {arguments.parts}",
        }
        self.tensors: dict[str, Any] = {}

    def part(self, name: str, work: Callable[[], Any]) -> None:
        started = time.perf_counter()
        try:
            self.result[name] = work()
        except Exception:
            self.result[name] = {"error": traceback.format_exc()[-2500:]}
        self.result.setdefault("seconds", {})[name] = round(time.perf_counter() - started, 1)
        sys.stdout.write(f"{name}: {json.dumps(self.result[name])[:3000]}\n")
        sys.stdout.flush()
        self.arguments.out.write_text(json.dumps(self.result, indent=1) + "\n", encoding="utf-8")

    def run(self) -> None:
        parts = self.arguments.parts.split(",")
        started = time.perf_counter()
        self.tensors = real.write(self.arguments.model, self.arguments.layers)
        self.result["model_written_s"] = round(time.perf_counter() - started, 1)
        self.part("bandwidth_bytes_s", bandwidth)
        for precision in self.arguments.precisions.split(","):
            self.part(precision, lambda precision=precision: self.precision(precision, parts))  # type: ignore[misc]
            torch.cuda.empty_cache()
        self.tensors.clear()
        torch.cuda.empty_cache()
        if "load" in parts:
            self.part("load", self.load)
        if "memory" in parts:
            for precision in self.arguments.precisions.split(","):
                self.part(f"memory_{precision}", lambda p=precision: child(self.arguments, "memory", p))  # type: ignore[misc]

    def precision(self, precision: str, parts: list[str]) -> dict[str, Any]:
        told: dict[str, Any] = {}
        started, kept = time.perf_counter(), Event()
        decoder = open_decoder(self.arguments.model, precision, self.arguments.model / "compiled", say=_say(kept))
        told["opened_s"] = round(time.perf_counter() - started, 2)
        if precision != "fp16":
            kept.wait(120)
        told["bytes_a_token"] = decoder.weights.bytes_a_token
        told["kernels_against_torch"] = kernels_against_torch(decoder)
        theirs = None
        if "equality" in parts or "speed" in parts or "first" in parts:
            config = {**real.CONFIG, "num_layers": self.arguments.layers}
            theirs = upstream.load(self.arguments.upstream, config, self.tensors, BITS[precision])
        if "equality" in parts:
            count = self.arguments.prompts if precision == "fp16" else max(8, self.arguments.prompts // 3)
            told["equality"] = compare(decoder, theirs, precision, count, self.arguments.new)
            told["equality_with_prefix"] = self._with_prefix(decoder, precision)
        if "speed" in parts:
            free_run(decoder, real.prompt(32), 16, Sampling())
            told["tokens_s"] = round(statistics.median(speed(self._free(decoder, n)) for n in range(3)), 1)
            list(upstream.stream(theirs, real.prompt(32), 16))
            told["upstream_tokens_s"] = round(
                speed(their_times(theirs, real.prompt(32), 256 if precision == "fp16" else 96)), 2
            )
        if "first" in parts:
            told["first"] = {str(n): self._first(decoder, theirs, n) for n in (32, 512, 2000)}
        if "concurrent" in parts:
            told["concurrent_tokens_s"] = {str(n): round(concurrent(decoder, n), 1) for n in (1, 2, 4, 8)}
        if "deploy" in parts:
            told["deploy_s"] = self._deploy(decoder)
        if "profile" in parts:
            told["profile"] = profile(decoder)
        return told

    def _free(self, decoder: Decoder, number: int) -> list[float]:
        return free_run(decoder, real.prompt(32, number), 257, Sampling(seed=number))

    def _first(self, decoder: Decoder, theirs: Any, length: int) -> dict[str, float]:
        tokens = real.prompt(length)
        free_run(decoder, tokens, 2, Sampling())
        their_times(theirs, tokens, 1)
        ours = statistics.median(free_run(decoder, tokens, 2, Sampling())[0] for _ in range(5))
        other = statistics.median(their_times(theirs, tokens, 1)[0] for _ in range(5))
        return {
            "ours_ms": round(ours * 1000, 2),
            "upstream_ms": round(other * 1000, 2),
            "ratio": round(ours / other, 3),
        }

    def _with_prefix(self, decoder: Decoder, precision: str) -> dict[str, Any]:
        shape = decoder.shape
        table = (torch.randn(PREFIX, shape.cache_values, device="cuda") * 0.2).half()
        split = table.view(-1, shape.layers, 2, shape.heads, shape.head).permute(1, 2, 3, 0, 4)
        decoder.set_prefix(Prefix(split[:, 0].contiguous(), split[:, 1].contiguous()))
        config = {**real.CONFIG, "num_layers": self.arguments.layers}
        theirs = upstream.load(self.arguments.upstream, config, self.tensors, BITS[precision], table)
        try:
            return compare(decoder, theirs, precision, 8, min(64, self.arguments.new))
        finally:
            decoder.set_prefix(None)

    def _deploy(self, decoder: Decoder) -> float:
        """Seconds from the word to the first token with another prefix: read, put in place, asked."""
        folder = self.arguments.model / "checkpoint-100"
        folder.mkdir(exist_ok=True)
        name = "transformer.prefix_encoder.embedding.weight"
        torch.save({name: torch.randn(PREFIX, decoder.shape.cache_values)}, folder / "pytorch_model.bin")
        started = time.perf_counter()
        decoder.set_prefix(load_prefix(folder, decoder.shape, decoder.device, decoder.dtype))
        free_run(decoder, real.prompt(32), 2, Sampling())
        seconds = time.perf_counter() - started
        decoder.set_prefix(None)
        return round(seconds, 3)

    def load(self) -> dict[str, Any]:
        told: dict[str, Any] = {}
        for precision, pattern in (("fp16", "pytorch_model*.bin"), ("int4", "engine-int4.weights")):
            drop_caches()
            seconds, size = raw_read(self.arguments.model, pattern)
            drop_caches()
            ours = child(self.arguments, "load", precision)
            told[precision] = {"raw_read_s": round(seconds, 2), "bytes": size, **ours}
        return told


def _say(heard: Event) -> Callable[[str], None]:
    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        heard.set()

    return say


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--upstream", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", default="equality,speed,first,concurrent,deploy,profile,load,memory")
    parser.add_argument("--precisions", default="fp16,int8,int4")
    parser.add_argument("--layers", type=int, default=28)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    parser.add_argument("--new", type=int, default=NEW)
    Measurement(parser.parse_args()).run()


if __name__ == "__main__":
    main()
