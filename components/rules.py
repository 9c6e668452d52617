"""Rules of Tencent Cloud and Windows for single settings: each takes a value and returns it or says what is wrong."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from components.errors import rule_broken
from tencent.firewall import MY_PUBLIC_IP
from words import later, phrase

#: Tencent's literal for "the address that this call comes from" (VPC API, SecurityGroupPolicy.CidrBlock).

#: GN7 types with a slice of a T4 (vGPU). Tencent: vGPU slices run Linux only (GPU instance types, computing type GN7).
VGPU_TYPES = {"GN7.LARGE20": later("a quarter of a T4"), "GN7.2XLARGE40": later("half a T4")}

#: Ports that Tencent Cloud blocks for everybody (CVM FAQ, ports).
BLOCKED_PORTS = frozenset(
    {
        25,
        42,
        135,
        137,
        138,
        139,
        445,
        593,
        1025,
        1068,
        1434,
        3127,
        3128,
        3129,
        3130,
        4444,
        5554,
        5800,
        5900,
        9996,
    }
)
RDP_PORT = 3389
WINRM_PORT = 5986

_SPECIAL_CHARACTERS = "()`~!@#$%^&*-+=|{}[]:;',.?/"
_ADMINISTRATOR = "administrator"


def check_password(password: str) -> str:
    """A Windows password as CVM takes it (LoginSettings and ResetInstancesPassword in the CVM API)."""
    rule = phrase("Tencent's rule for Windows passwords is broken:")
    fix = phrase("Set another with: pulumi config set --secret chatglm:adminPassword '...'")
    if not password:
        raise rule_broken(phrase("the machine needs a password for Administrator."), fix)
    kinds = (
        any("a" <= c <= "z" for c in password),
        any("A" <= c <= "Z" for c in password),
        any("0" <= c <= "9" for c in password),
        any(c in _SPECIAL_CHARACTERS for c in password),
    )
    broken = []
    if not 12 <= len(password) <= 30:
        broken.append(phrase("it must have 12 to 30 characters"))
    if sum(kinds) < 3:
        broken.append(phrase("it must mix at least three of lower case, upper case, digits and special characters"))
    if any(not (c.isascii() and c.isalnum()) and c not in _SPECIAL_CHARACTERS for c in password):
        broken.append(phrase("the only special characters allowed are {characters}", characters=_SPECIAL_CHARACTERS))
    if password.startswith("/"):
        broken.append(phrase("it must not begin with a slash"))
    if _ADMINISTRATOR in password.lower():
        broken.append(phrase("it must not contain the account's name"))
    if broken:
        raise rule_broken(phrase("{rule} {broken}.", rule=rule, broken=phrase("; ").join(broken)), fix)
    return password


def check_hostname(name: str) -> str:
    """A Windows host name as CVM takes it (RunInstances, HostName)."""
    if not re.fullmatch(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){1,14}", name) or len(name) > 15 or name.isdigit():
        raise rule_broken(
            phrase(
                "a Windows host name has 2 to 15 letters, digits and single hyphens, not only "
                "digits, and no hyphen at either end."
            ),
            phrase("Example: chatglm"),
        )
    return name


def check_instance_type(name: str) -> str:
    if name.upper() in VGPU_TYPES:
        raise rule_broken(
            phrase(
                "this type has {share} (vGPU), and Tencent offers no Windows on it.",
                share=phrase(VGPU_TYPES[name.upper()]),
            ),
            phrase("Use a whole card, for example GN7.2XLARGE32."),
        )
    if not re.fullmatch(r"[A-Za-z0-9]+\.[A-Za-z0-9]+", name):
        raise rule_broken(phrase("an instance type is written FAMILY.SIZE."), phrase("Example: GN7.2XLARGE32"))
    return name


def check_zones(zones: Sequence[str]) -> tuple[str, ...]:
    wrong = [zone for zone in zones if not re.fullmatch(r"[a-z]+-[a-z]+(?:-[a-z]+)*-\d+", zone)]
    if wrong:
        raise rule_broken(
            phrase("{wrong} cannot be a zone; zones are written region-number.", wrong=", ".join(map(repr, wrong))),
            phrase("Example: ap-guangzhou-3"),
        )
    if len(set(zones)) != len(zones):
        raise rule_broken(phrase("a zone is named twice."), phrase("Name each zone once, the preferred one first."))
    if len({zone.rpartition("-")[0] for zone in zones}) > 1:
        raise rule_broken(
            phrase("the zones lie in several regions; a stack has one."),
            phrase("Keep the zones of tencentcloud:region."),
        )
    return tuple(zones)


def check_price(text: str) -> str:
    """A bid in CNY an hour, as the text that the API takes; empty means Tencent's current spot price."""
    if text:
        try:
            price = Decimal(text)
        except InvalidOperation:
            price = Decimal(0)
        if not price.is_finite() or price <= 0:
            raise rule_broken(
                phrase("a bid is a positive number of CNY an hour."),
                phrase('Example: "3.5"; leave it empty for the market price.'),
            )
    return text


def check_cidrs(cidrs: Sequence[str], *, open_to_the_world: bool) -> tuple[str, ...]:
    if not cidrs:
        raise rule_broken(
            phrase("nobody could reach the machine."), phrase("Name your own address, for example 203.0.113.7/32.")
        )
    for cidr in cidrs:
        if cidr == MY_PUBLIC_IP:
            continue
        try:
            network = ipaddress.IPv4Network(cidr)
        except ValueError as error:
            raise rule_broken(
                phrase("{cidr!r} is not an IPv4 network ({error}).", cidr=cidr, error=error),
                phrase("Example: 203.0.113.7/32, or MY_PUBLIC_IP."),
            ) from None
        if network.prefixlen == 0 and not open_to_the_world:
            raise rule_broken(
                phrase("this opens remote desktop, WinRM and the demo to the whole internet."),
                phrase("Name your own address, or say chatglm:openToTheWorld true if you mean it."),
            )
    return tuple(cidrs)


def check_demo_port(port: int) -> int:
    if not 1 <= port <= 65535 or port in BLOCKED_PORTS or port in (RDP_PORT, WINRM_PORT):
        raise rule_broken(
            phrase(
                "the demo's port must lie in 1-65535, differ from 3389 and 5986, and not be one that Tencent blocks."
            ),
            phrase("Example: 7860"),
        )
    return port


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    own = sorted(key for key in tags if key.startswith("chatglm-"))
    if own:
        raise rule_broken(
            phrase("tags that begin with 'chatglm-' are the stack's own: {own}.", own=", ".join(own)),
            phrase("Rename them."),
        )
    wrong = sorted(k for k, v in tags.items() if not re.fullmatch(r"[\w .:/=+@-]{1,127}", k) or len(v) > 255)
    if wrong:
        raise rule_broken(
            phrase(
                "a tag's key has 1 to 127 letters, digits and ' .:/=+-_@', its value at most 255 characters: {wrong}.",
                wrong=", ".join(wrong),
            ),
            phrase("Shorten or rename them."),
        )
    return tags


def check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise rule_broken(
            phrase("it is not a regular expression ({error}).", error=error), phrase("Example: windows server 2022.*CN")
        ) from None
    return pattern
