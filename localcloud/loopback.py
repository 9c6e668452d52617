"""The loopback addresses that stand for public ones: each local cloud with guests has a range of its own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from localcloud.errors import LocalCloudError

# A cloud holds its range by this port on the range's last address; the system lets go of it when the process ends,
# however it ends.
_PORT = 40404
_FIRST, _LAST = 1, 250


class LoopbackRange:
    """127.0.N.1 to 127.0.N.253, kept from other local clouds of this computer while the process runs.

    Two machines cannot listen on one address, and a rehearsal may run while the tests do. Raises LocalCloudError
    when all ranges are taken.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        """Take the range of the addresses `wanted` (those of machines that are there already) if it is free."""
        numbers = dict.fromkeys([*(int(address.split(".")[2]) for address in wanted), *range(_FIRST, _LAST)])
        for number in numbers:
            holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                holder.bind((f"127.0.{number}.254", _PORT))
            except OSError:
                holder.close()
                continue
            self._holder = holder
            self._network = ipaddress.IPv4Network(f"127.0.{number}.0/24")
            return
        raise LocalCloudError("Too many local clouds run on this computer: stop some of them.")

    def addresses(self) -> Iterable[str]:
        """All addresses that machines may have, lowest first."""
        return (str(host) for host in list(self._network.hosts())[:-1])

    def close(self) -> None:
        self._holder.close()


class SharedRange:
    """127.0.1.1 to 127.0.1.253 for clouds without guests: nobody listens there, so nobody is in the way."""

    def addresses(self) -> Iterable[str]:
        return (f"127.0.1.{host}" for host in range(1, 254))

    def close(self) -> None:
        pass
