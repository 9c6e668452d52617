"""Who may use the API, and how often."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable

from guest.serving.api_errors import ApiError

#: Requests a minute that one key may make from one address, and wrong keys a minute after which an address waits.
REQUESTS_A_MINUTE, WRONG_KEYS_A_MINUTE = 60, 10
_MINUTE = 60.0


class _Rate:
    """So many events a minute for each of a set of names."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most, self._clock = most, clock
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def seconds_to_wait(self, name: str) -> int:
        """0 where another may happen now."""
        times = self._recent(name)
        return 0 if len(times) < self._most else int(times[0] + _MINUTE - self._clock()) + 1

    def count(self, name: str) -> None:
        self._recent(name).append(self._clock())
        if len(self._times) > 10_000:
            self._times.clear()

    def _recent(self, name: str) -> deque[float]:
        times = self._times[name]
        while times and times[0] <= self._clock() - _MINUTE:
            times.popleft()
        return times


def key_hash(key: str) -> str:
    """What the machine knows of a key. A fast hash will do: keys are long, and those made for a stack are random."""
    return base64.b64encode(hashlib.blake2b(key.encode(), digest_size=18).digest()).decode("ascii")


class Gate:
    """Compares hashes and counts, by address."""

    def __init__(self, expected: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._expected = expected
        self._lock = threading.Lock()
        self._requests = _Rate(REQUESTS_A_MINUTE, clock)
        self._wrong = _Rate(WRONG_KEYS_A_MINUTE, clock)

    def admit(self, authorization: str, address: str) -> None:
        """Raises ApiError where the key is wrong or too much was asked."""
        with self._lock:
            self._refuse(self._wrong.seconds_to_wait(address), "Too many wrong keys came from this address.")
            if not self._is_right(authorization):
                self._wrong.count(address)
                raise ApiError(
                    401,
                    "The API key is missing or wrong. Send it as Authorization: Bearer KEY; "
                    "`chatglm key` shows it, as does the stack's output apiKey.",
                    code="invalid_api_key",
                )
            self._refuse(self._requests.seconds_to_wait(address), "Too many requests in a minute.")
            self._requests.count(address)

    def _is_right(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip() or not self._expected:
            return False
        return hmac.compare_digest(key_hash(key.strip()), self._expected)

    @staticmethod
    def _refuse(seconds: int, why: str) -> None:
        if seconds:
            raise ApiError(
                429,
                f"{why} Wait {seconds} s.",
                kind="rate_limit_error",
                code="rate_limit_exceeded",
                retry_seconds=seconds,
            )
