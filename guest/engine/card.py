"""One rule for all threads that call the card: not while a graph is recorded."""

from __future__ import annotations

import threading

#: Held while a graph is recorded, and by other threads for each of their calls.
RECORDING = threading.Lock()
