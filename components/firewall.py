"""Who may reach the machine: the rules of its security group, and what somebody changed of them by hand."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from components.rules import MY_PUBLIC_IP, RDP_PORT, WINRM_PORT
from components.settings import Settings


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
        return f"{self.action} {self.protocol} {self.port} from {self.cidr or 'another source'}"


def operator_rules(settings: Settings) -> list[Rule]:
    """Who may come in, in the order in which Tencent tries the rules. What no rule names is denied."""
    ports = {"remote desktop": RDP_PORT, "WinRM over HTTPS": WINRM_PORT, "web demo": settings.demo_port}
    return [
        Rule("ACCEPT", cidr, "TCP", str(port), f"{use} for the operator")
        for use, port in ports.items()
        for cidr in settings.operator_cidrs
    ]


def find_drift(last: Iterable[Rule], found: Iterable[Rule]) -> tuple[list[Rule], list[Rule]]:
    """Rules that somebody added and rules that somebody removed since Pulumi wrote the `last` ones.

    Tencent stores the caller's address for MY_PUBLIC_IP, so one single address under our own description stands
    for it.
    """
    missing = list(last)
    added: list[Rule] = []
    for rule in found:
        same = next((own for own in missing if _is_same(own, rule)), None)
        if same:
            missing.remove(same)
        else:
            added.append(rule)
    return added, missing


def _is_same(own: Rule, found: Rule) -> bool:
    if own.cidr != MY_PUBLIC_IP or found.cidr == MY_PUBLIC_IP:
        return own.meaning == found.meaning
    _, cidr, *_ = found.meaning
    alike = own.meaning[0] == found.meaning[0] and own.meaning[2:] == found.meaning[2:]
    return alike and own.description == found.description and cidr.endswith(("/32", "/128"))
