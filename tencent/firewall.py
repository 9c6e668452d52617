"""The rules of a security group, in Tencent's terms."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from words import phrase

#: Tencent's word for the address from which the request came; it stores that address.
MY_PUBLIC_IP = "MY_PUBLIC_IP"


@dataclass(frozen=True)
class Rule:
    """One rule for what comes in, in Tencent's terms: ACCEPT or DROP, a network, a protocol, a port or `ALL`."""

    action: str
    cidr: str
    protocol: str
    port: str
    description: str = ""

    @property
    def meaning(self) -> tuple[str, str, str, str]:
        """What the rule does, whichever way it is written."""
        cidr = self.cidr
        if cidr != MY_PUBLIC_IP:
            try:
                cidr = str(ipaddress.ip_network(cidr, strict=False))
            except ValueError:
                cidr = cidr.lower()
        return self.action.upper(), cidr, self.protocol.upper(), self.port.upper()

    def __str__(self) -> str:
        return phrase(
            "{action} {protocol} {port} from {source}",
            action=self.action,
            protocol=self.protocol,
            port=self.port,
            source=self.cidr or phrase("another source"),
        )
