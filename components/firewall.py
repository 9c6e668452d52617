"""Who may reach the machine: the rules of its security group, and what somebody changed of them by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from components.rules import RDP_PORT, WINRM_PORT
from components.settings import Settings
from tencent.facts import Instance
from tencent.firewall import MY_PUBLIC_IP, Rule
from words import phrase

_AS_OF = ", as of "


def operator_rules(settings: Settings, as_of: str = "") -> list[Rule]:
    """Who may come in, in the order in which Tencent tries the rules. What no rule names is denied.

    `as_of` says when the caller's own address was sent last. It makes the rules differ, so that they are sent again:
    Tencent stores the address that MY_PUBLIC_IP stood for at that time, and nobody can tell whether it still does.
    """
    ports = {"remote desktop": RDP_PORT, "WinRM over HTTPS": WINRM_PORT, "web demo": settings.demo_port}
    return [
        Rule("ACCEPT", cidr, "TCP", str(port), f"{use} for the operator{_stamp(cidr, as_of)}")
        for use, port in ports.items()
        for cidr in settings.operator_cidrs
    ]


def address_notes(settings: Settings, living: Instance | None) -> tuple[str, ...]:
    """What an update does for a machine that is open to whoever runs the update."""
    if living is None or MY_PUBLIC_IP not in settings.operator_cidrs:
        return ()
    return (
        phrase("MY_PUBLIC_IP is sent anew by each pulumi up: the firewall then admits the address that it comes from."),
    )


def sent_as_of(rules: Iterable[Rule]) -> str:
    """When the caller's own address was sent in these rules; empty where it was not, or by an earlier version."""
    stamps = (rule.description.partition(_AS_OF)[2] for rule in rules if _is_word(rule))
    return next((stamp for stamp in stamps if stamp), "")


def as_stored(rules: Iterable[Rule], found: Sequence[Rule]) -> list[Rule]:
    """The rules as they lie in the group: with the address that Tencent has taken MY_PUBLIC_IP for.

    For previews, where nothing is sent: the word itself would differ from what a refresh has read, each time.
    """
    return [
        next((other for other in found if _is_same(rule, other)), rule) if _is_word(rule) else rule for rule in rules
    ]


def _is_word(rule: Rule) -> bool:
    return rule.cidr == MY_PUBLIC_IP


def _stamp(cidr: str, as_of: str) -> str:
    return f"{_AS_OF}{as_of}" if as_of and cidr == MY_PUBLIC_IP else ""


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
    if not _is_word(own) or _is_word(found):
        return own.meaning == found.meaning
    _, cidr, *_ = found.meaning
    alike = own.meaning[0] == found.meaning[0] and own.meaning[2:] == found.meaning[2:]
    return alike and own.description == found.description and cidr.endswith(("/32", "/128"))
