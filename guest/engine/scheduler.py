"""Requests in a line, and those that are decoded together. One thread works on the card; all others only ask."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from guest.engine.cache import Span
from guest.engine.decoder import Decoder, Pending
from guest.engine.prefix import Prefix
from guest.engine.prompt import Prompt
from guest.engine.sampling import Sampling
from guest.engine.torch_later import torch
from guest.errors import GuestError
from guest.phrases import phrase

LONGEST_LINE = 32


class LineFullError(Exception):
    """So many wait already that another would wait for minutes."""


class TooLongError(Exception):
    """A prompt for which the cache, or the card's memory, is too small even when nothing else is under way."""


@dataclass(frozen=True)
class Waiting:
    """So many are before this one in the line."""

    before: int


@dataclass
class Ticket:
    """One request: `events` brings tokens, places in the line, an error, or None at the end."""

    prompt: Prompt
    new: int
    sampling: Sampling
    events: queue.SimpleQueue[int | Waiting | Exception | None] = field(default_factory=queue.SimpleQueue)
    made: int = 0
    left: bool = False
    finished: bool = False

    def leave(self) -> None:
        """The one who asked is gone: what it holds is freed at the next step."""
        self.left = True

    def follow(self) -> Iterator[int | Waiting]:
        """Tokens as they are made, and the place in the line until the first one. Raises what went wrong."""
        try:
            while (event := self.events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.leave()


class Scheduler:
    """Serves tickets in the order in which they came; `failed` hears of an error after which the card is of no use."""

    def __init__(
        self, decoder: Decoder, *, longest_line: int = LONGEST_LINE, failed: Callable[[Exception], None] | None = None
    ) -> None:
        self._decoder, self._longest = decoder, longest_line
        self._failed = failed
        self._line: list[Ticket] = []
        self._slots: list[tuple[Ticket, Span] | None] = [None] * decoder.slots.most
        self._errand: tuple[Prefix | None, threading.Event] | None = None
        self._changed = threading.Condition()
        self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="decoder", daemon=True)
        self._thread.start()

    @property
    def places(self) -> int:
        """Tokens, prompt and answer together, that one request may take at most."""
        decoder = self._decoder
        return decoder.cache.places.length - decoder.reserved

    def submit(self, prompt: Prompt, new: int, sampling: Sampling) -> Ticket:
        """Stand in line for up to `new` tokens. Raises LineFullError and TooLongError."""
        if len(prompt) >= self.places:
            raise TooLongError(
                phrase(
                    "The prompt has {count} tokens; {places} fit into the cache.", count=len(prompt), places=self.places
                )
            )
        ticket = Ticket(prompt, max(1, min(new, self.places - len(prompt))), sampling)
        with self._changed:
            if self._error is not None:
                raise GuestError(phrase("The engine has failed and starts again."), phrase("Ask again in a minute."))
            self._line = [waiting for waiting in self._line if not waiting.left]
            if len(self._line) >= self._longest:
                raise LineFullError(phrase("{count} requests wait already.", count=len(self._line)))
            self._line.append(ticket)
            ticket.events.put(Waiting(len(self._line) - 1))
            self._changed.notify()
        return ticket

    def use_prefix(self, prefix: Prefix | None) -> None:
        """Serve another prefix: what is under way ends first, what waits gets the new one. Returns when it is so."""
        done = threading.Event()
        with self._changed:
            self._errand = prefix, done
            self._changed.notify()
        done.wait()

    def close(self) -> None:
        """End the thread; whoever waits is told so."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        ahead: tuple[Pending, list[Ticket | None]] | None = None
        try:
            while self._await_work(busy=ahead is not None):
                self._admit()
                following = self._launch()
                if ahead is not None:
                    self._deliver(*ahead)
                ahead = following
            self._tell_all(GuestError(phrase("The engine was stopped."), phrase("Start the demo again.")))
        except Exception as error:
            with self._changed:
                self._error = error
            self._tell_all(
                GuestError(phrase("The engine failed: {error}", error=error), phrase("Ask again in a minute."))
            )
            if self._failed is not None:
                self._failed(error)

    def _await_work(self, *, busy: bool) -> bool:
        """Sleep while there is nothing to do; False when it is time to end."""
        with self._changed:
            while not (self._closed or busy or any(self._slots) or self._line or self._errand):
                self._changed.wait()
            return not self._closed

    def _admit(self) -> None:
        if self._errand is not None:
            if any(self._slots):
                return
            prefix, done = self._errand
            self._decoder.set_prefix(prefix)
            self._errand = None
            done.set()
        while None in self._slots:
            with self._changed:
                self._line = [waiting for waiting in self._line if not waiting.left]
                if not self._line:
                    return
                ticket = self._line[0]
                span = self._decoder.cache.places.lend(self._decoder.places_for(ticket.prompt, ticket.new))
                if span is None:
                    return
                self._line.pop(0)
                for before, waiting in enumerate(self._line):
                    waiting.events.put(Waiting(before))
            self._begin(ticket, span)

    def _begin(self, ticket: Ticket, span: Span) -> None:
        slot = self._slots.index(None)
        try:
            token = self._decoder.begin(slot, ticket.prompt, span, ticket.sampling)
        except torch.cuda.OutOfMemoryError:
            self._decoder.end(slot)
            self._decoder.cache.places.take_back(span)
            torch.cuda.empty_cache()
            ticket.events.put(
                TooLongError(phrase("The card's memory is too small for {count} tokens.", count=len(ticket.prompt)))
            )
            return
        self._slots[slot] = ticket, span
        self._hand_over(slot, ticket, token)

    def _launch(self) -> tuple[Pending, list[Ticket | None]] | None:
        """Start a step for all slots that want another token; those whose one who asked has left end here."""
        for slot, held in enumerate(self._slots):
            if held is not None and held[0].left:
                self._end(slot)
        tickets = [held[0] if held is not None else None for held in self._slots]
        busy = [slot for slot, ticket in enumerate(tickets) if ticket is not None]
        if not busy:
            return None
        return self._decoder.launch(busy[-1] + 1), tickets

    def _deliver(self, pending: Pending, tickets: list[Ticket | None]) -> None:
        tokens = pending.tokens()
        for slot, ticket in enumerate(tickets):
            held = self._slots[slot]
            # A step that was under way when its request ended brings one token too many.
            if ticket is not None and held is not None and held[0] is ticket and not ticket.finished:
                self._hand_over(slot, ticket, tokens[slot])

    def _hand_over(self, slot: int, ticket: Ticket, token: int) -> None:
        if token == self._decoder.shape.end:
            ticket.finished = True
        else:
            ticket.made += 1
            ticket.events.put(token)
            ticket.finished = ticket.made >= ticket.new
        if ticket.finished:
            self._end(slot)

    def _end(self, slot: int) -> None:
        held = self._slots[slot]
        if held is None:
            return
        ticket, span = held
        self._decoder.end(slot)
        self._decoder.cache.places.take_back(span)
        self._slots[slot] = None
        ticket.finished = True
        ticket.events.put(None)

    def _tell_all(self, error: Exception) -> None:
        with self._changed:
            waiting, self._line = self._line, []
            errand, self._errand = self._errand, None
        if errand is not None:
            errand[1].set()
        for ticket in [*waiting, *(held[0] for held in self._slots if held is not None)]:
            ticket.events.put(error)
