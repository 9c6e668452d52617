"""Whether this computer reaches the machine, and reaches the right one."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

from components.rules import WINRM_PORT
from components.settings import Settings
from line.demo_certificate import fingerprint, reason_to_renew
from operate.findings import Finding, failure, ok, warning
from operate.stacks import Stack
from tencent.facts import Instance
from tencent.firewall import MY_PUBLIC_IP
from words import phrase

_CONNECT_SECONDS = 3


def check_own_address(settings: Settings, stack: Stack, machine: Instance | None) -> Finding:
    """Whether this computer lies inside operatorCidrs, without asking any third party for its address."""
    if machine is not None and machine.state == "RUNNING" and machine.address:
        return _reaches(machine.address)
    if MY_PUBLIC_IP in settings.operator_cidrs:
        return ok(
            "own address", phrase("Tencent itself fills in the address that the update comes from (MY_PUBLIC_IP).")
        )
    # The rehearsal's machines are on this computer.
    rehearsal = stack.access is not None and stack.access.protocol.upper() == "HTTP"
    own = local_address("127.0.1.1" if rehearsal else stack.access.domain if stack.access else "")
    if own is not None and (own.is_global or rehearsal):
        inside = any(own in ipaddress.IPv4Network(one, strict=False) for one in settings.operator_cidrs)
        if inside:
            return ok("own address", phrase("This computer's address {own} is inside chatglm:operatorCidrs.", own=own))
        return failure(
            "own address",
            phrase(
                "This computer's address {own} is not inside {operator_cidrs}.",
                own=own,
                operator_cidrs=", ".join(settings.operator_cidrs),
            ),
            phrase("pulumi config set --path chatglm:operatorCidrs[0] {own}/32, or MY_PUBLIC_IP.", own=own),
        )
    return warning(
        "own address",
        phrase("Unknown: this computer is behind a router, and no third party is asked for its public address."),
        phrase("Compare your router's public address with chatglm:operatorCidrs, or use MY_PUBLIC_IP."),
    )


def _reaches(address: str) -> Finding:
    try:
        with socket.create_connection((address, WINRM_PORT), timeout=_CONNECT_SECONDS):
            return ok(
                "own address",
                phrase(
                    "The running machine lets this computer in ({address}:{port}).",
                    address=address,
                    port=WINRM_PORT,
                ),
            )
    except OSError as error:
        return failure(
            "own address",
            phrase(
                "{address}:{port} does not let this computer in ({reason}).",
                address=address,
                port=WINRM_PORT,
                reason=error.strerror or type(error).__name__,
            ),
            phrase(
                "Put your present address into chatglm:operatorCidrs and run pulumi up; or the "
                "machine is still starting."
            ),
        )


def check_demo_certificate(stack: Stack, machine: Instance | None) -> list[Finding]:
    """With chatglm:demoTls: whether the demo shows the certificate that the last update saw, still good for long.

    Nothing where the demo is plain HTTP or no machine runs. The page is asked for nothing but its certificate.
    """
    url, known = str(stack.outputs.get("demoUrl") or ""), str(stack.outputs.get("demoCertificate") or "")
    if not url.startswith("https:") or machine is None or machine.state != "RUNNING":
        return []
    check, again = "demo certificate", phrase("Run pulumi up with chatglm:waitReady true.")
    if not known:
        return [warning(check, phrase("It is not known here yet."), again)]
    place = urlsplit(url)
    host, port = str(place.hostname), place.port or 443
    try:
        shown = ssl.get_server_certificate((host, port), timeout=_CONNECT_SECONDS)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        text = phrase("{address}:{port} shows none ({reason}).", address=host, port=port, reason=reason)
        return [warning(check, text, phrase("See chatglm status: the demo may be starting, or off for a training."))]
    if fingerprint(shown) != fingerprint(known):
        text = phrase(
            "The demo shows another one than the last update saw: {shown}, not {known}.",
            shown=fingerprint(shown),
            known=fingerprint(known),
        )
        advice = phrase(
            "Send it neither password nor key. pulumi up asks the machine itself, over WinRM, "
            "which certificate is its own."
        )
        return [failure(check, text, advice)]
    if reason := reason_to_renew(known, host, datetime.now(UTC)):
        return [warning(check, reason, again)]
    text = phrase("The demo shows the machine's own: SHA-256 {shown}.", shown=fingerprint(shown))
    return [ok(check, text)]


def local_address(target: str) -> ipaddress.IPv4Address | None:
    """The address with which this computer goes out; nothing is sent (connecting a UDP socket only picks a route)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((target, 443))
            return ipaddress.IPv4Address(probe.getsockname()[0])
        except OSError:
            return None
