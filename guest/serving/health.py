"""Whether the page is this machine's demo and a question can be answered, found out without holding anybody up.

A page can be up and of no use: after an error of the card every answer fails, a hung answer blocks the queue, or
another program has the port. So a question is asked now and then, in a thread of its own.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable

from guest.failures import known
from guest.phrases import phrase, said
from guest.serving.question import NobodyError, StrangerError, Visitor

QUESTION = "你好"
#: Seconds between two questions while all is well; each takes the card a second or two.
INTERVAL = 300.0
#: Seconds between two looks while it starts, or after a question that failed.
SHORT_INTERVAL = 2.0
#: Without any message of the queue: the longest answer before ours (4,096 tokens at 11 a second) takes six minutes.
PATIENCE = 600.0
#: One question may fail by chance; then the page is restarted.
FAILURES = 2


class Health:
    """Looks at the page at `url` as often as it is asked to and due. `trouble` is what a restart may cure."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        *,
        interval: float = INTERVAL,
        short_interval: float = SHORT_INTERVAL,
        patience: float = PATIENCE,
        trust: Callable[[], ssl.SSLContext | None] = lambda: None,
    ) -> None:
        self._url, self._token, self._trust = url, token, trust
        self._interval, self._short, self._patience = interval, short_interval, patience
        self.begin()

    def begin(self) -> None:
        """A new page starts: nothing is known of it, and what is still under way belongs to the one before."""
        self.answers = False
        self.trouble: str | None = None
        self._failures = 0
        self._due = 0.0
        self._looking: threading.Thread | None = None
        self._generation = getattr(self, "_generation", 0) + 1

    def hurry(self) -> None:
        """Something was printed that looks like a failure: ask at once."""
        self._due = min(self._due, time.monotonic())

    def look(self) -> None:
        """Start a look if one is due and none is under way."""
        if self._looking is not None and self._looking.is_alive():
            return
        if time.monotonic() >= self._due:
            self._looking = threading.Thread(target=self._look, args=(self._generation,), daemon=True)
            self._looking.start()

    def _look(self, generation: int) -> None:
        found: str | None = None
        here = True
        try:
            visitor = Visitor(self._url, self._token(), trust=self._trust())
            config = visitor.enter()
            if not visitor.ask(config, QUESTION, self._patience).strip():
                found = phrase("its answer is empty")
        except NobodyError:
            here = False
            # While it starts nobody is there yet; the end of its process is seen by itself.
            found = phrase("nothing listens on its port") if self.answers else None
        except (OSError, ValueError, KeyError, IndexError, StrangerError) as error:
            found = explained(said(error) or type(error).__name__)
        if generation == self._generation:
            self._note(found, here=here)

    def _note(self, found: str | None, *, here: bool) -> None:
        if found is None:
            self.answers = here
            self._failures = 0
        else:
            self._failures += 1
            if self._failures >= FAILURES:
                self.trouble = found
        well = here and found is None
        self._due = time.monotonic() + (self._interval if well else self._short)


def stranger(url: str) -> str | None:
    """Why the port cannot be used: another program answers there. None where nobody does."""
    try:
        Visitor(url, phrase("nobody's token"), timeout=5).enter()
    except NobodyError:
        return None
    except StrangerError as error:
        return phrase("Another program has the demo's port ({url}): {error}.", url=url, error=error)
    return phrase("Another program has the demo's port ({url}).", url=url)


def explained(text: str) -> str:
    """A failure's text with the known reason before it."""
    verdict = known(text)
    return phrase("{reason} ({text})", reason=verdict.reason, text=text) if verdict else text
