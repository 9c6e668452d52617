"""The model on its device: takes prompts in, and makes tokens for all that are under way."""

from __future__ import annotations

from typing import Any, Protocol

from guest.engine.cache import Cache, Span
from guest.engine.card import RECORDING
from guest.engine.prefill import Prefill
from guest.engine.prefix import Prefix
from guest.engine.prompt import Prompt
from guest.engine.rotary import rotary_tables
from guest.engine.sampling import Sampling, choose
from guest.engine.slots import MOST, Slots
from guest.engine.torch_later import torch
from guest.engine.weights import Weights

#: Steps that may be under way at a time: the host reads one step's tokens while the card makes the next ones.
UNDER_WAY = 2


class Step(Protocol):
    def logits(self, count: int) -> Any:
        """Logits after the last tokens of the first `count` slots."""


class Pending:
    """Tokens on their way to the host."""

    def __init__(self, tokens: Any, event: Any) -> None:
        self._tokens, self._event = tokens, event

    def tokens(self) -> list[int]:
        """One token a slot; waits for them."""
        if self._event is not None:
            self._event.synchronize()
        return [int(token) for token in self._tokens.tolist()]


class Decoder:
    """Works on one device in one thread. `places` is the length of the cache in tokens."""

    def __init__(self, weights: Weights, places: int, *, most: int = MOST, dtype: Any = None) -> None:
        self.weights, self.shape = weights, weights.shape
        self.device = weights.embedding.device
        self.dtype = dtype or weights.embedding.dtype
        self.cache = Cache(self.shape, places, self.dtype, self.device)
        self.slots = Slots(self.device, self.cache.sink, most)
        self.tables = rotary_tables(self.shape.head, places + 1, self.dtype, self.device)
        self.prefix: Prefix | None = None
        self._graphs: dict[int, Any] = {}
        self._hosts: list[Any] = []
        self._turn = 0
        self._prefill, self._step = self._by_torch()

    def _by_torch(self) -> tuple[Prefill, Step]:
        from guest.engine.torch_step import TorchStep

        step = TorchStep(self.weights, self.cache, self.tables, self.slots)
        return Prefill(self.weights, self.cache, self.tables), step

    def use(self, step: Step, prefill: Prefill) -> None:
        """Make tokens, and take prompts in, another way than by torch."""
        self._step, self._prefill = step, prefill

    def set_prefix(self, prefix: Prefix | None) -> None:
        """Put another prefix before every prompt from now on; what is under way must have ended."""
        if prefix is self.prefix:
            return
        self.prefix = prefix
        if self._graphs:
            self._record_prompts()

    @property
    def reserved(self) -> int:
        """Places of a request that are neither its prompt's nor its answer's: the prefix, and steps under way."""
        return (self.prefix.length if self.prefix else 0) + UNDER_WAY

    def places_for(self, prompt: Prompt, new: int) -> int:
        """Places that a request takes for its prompt and up to `new` tokens more."""
        return len(prompt) + new + self.reserved

    def begin(self, slot: int, prompt: Prompt, span: Span, sampling: Sampling) -> int:
        """Take a prompt in and return the first token of the answer."""
        with torch.no_grad():
            logits = self._prefill.run(prompt, span.start, self.prefix)
            before = self.prefix.length if self.prefix else 0
            self.slots.begin(slot, prompt, span.start, before, sampling)
            one = slice(slot, slot + 1)
            chance = self.slots.chances[one, 0]
            chosen = choose(logits, self.slots.temperature[one], self.slots.top_p[one], chance)
            self.slots.numbers[Slots.TOKEN, one] = chosen.int()
            self.slots.numbers[Slots.BLOCK, one] += 1
            self.slots.numbers[Slots.DRAWN, one] += 1
            return int(chosen.item())

    def end(self, slot: int) -> None:
        """The slot does nothing from the next step on."""
        self.slots.end(slot)

    def prepare(self) -> None:
        """Record the step for each number of slots as a graph; other threads' calls of the card wait meanwhile.

        The weights' numbers may still be on their way: a graph holds addresses.
        """
        self._hosts = [torch.zeros(self.slots.most, dtype=torch.int32, pin_memory=True) for _ in range(UNDER_WAY + 1)]
        counts = [count for count in (1, 2, 4, 8) if count <= self.slots.most]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.no_grad(), torch.cuda.stream(stream):
            for count in counts:
                self._advance(count)
            stream.synchronize()
            pool = None
            for count in counts:
                graph = torch.cuda.CUDAGraph()
                with RECORDING, torch.cuda.graph(graph, pool=pool, stream=stream):
                    self._advance(count)
                pool = pool or graph.pool()
                self._graphs[count] = graph
        torch.cuda.current_stream().wait_stream(stream)
        self._record_prompts()

    def _record_prompts(self) -> None:
        record = getattr(self._prefill, "record", None)
        if record is None:
            return
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.no_grad(), torch.cuda.stream(stream):
            record(self.prefix, stream)
        torch.cuda.current_stream().wait_stream(stream)

    def launch(self, count: int) -> Pending:
        """Start a step of (at least) the first `count` slots; returns before it is done."""
        graph = next((graph for size, graph in self._graphs.items() if size >= count), None)
        if graph is None:
            with torch.no_grad():
                self._advance(count)
        else:
            graph.replay()
        latest = self.slots.numbers[Slots.TOKEN]
        if self.device.type == "cpu":
            return Pending(latest.clone(), None)
        if not self._hosts:
            return Pending(latest.cpu(), None)
        self._turn = (self._turn + 1) % len(self._hosts)
        host, event = self._hosts[self._turn], torch.cuda.Event()
        host.copy_(latest, non_blocking=True)
        event.record()
        return Pending(host, event)

    def _advance(self, count: int) -> None:
        logits = self._step.logits(count)
        temperature, top_p = self.slots.temperature[:count], self.slots.top_p[:count]
        self.slots.advance(choose(logits, temperature, top_p, self.slots.draw(count)), count)
