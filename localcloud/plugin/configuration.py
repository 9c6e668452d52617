"""The plug-in's configuration, and its refusal to talk to anything but a server on this machine.

Settings come from the provider's configuration and, where that is silent, from the variables that the official
plug-in reads. The refusal keeps a stand-in from ever touching a real account.
"""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from tencent.access import Access, AccessError

_UNKNOWN_LOGINS = ("assumeRoleWithSaml", "assumeRoleWithWebIdentity", "mfaCertification", "enablePodOidc")
HOW_TO_REACH_THE_LOCAL_CLOUD = (
    "Start the local cloud (`python -m localcloud start`) and point the plug-in at it: "
    "`python -m localcloud env` prints the variables. For a real account install the official plug-in "
    "(pulumi-resource-tencentcloud 0.2.3) and take this stand-in off the PATH."
)


class ConfigurationError(Exception):
    """The configuration cannot be used; the text says what is wrong and what to do."""


@dataclass(frozen=True)
class Configuration:
    """Where to send calls, as whom, and which accounts are too good or not good enough for it."""

    access: Access
    gateway: str  # URL of the server on this machine that answers for every service of the domain
    allowed_account_ids: tuple[str, ...] = ()
    forbidden_account_ids: tuple[str, ...] = ()

    @property
    def region(self) -> str:
        return self.access.region

    @property
    def domain(self) -> str:
        return self.access.domain

    def __repr__(self) -> str:
        return f"Configuration(region={self.region!r}, domain={self.domain!r}, gateway={self.gateway!r})"


def load(settings: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Configuration:
    """Builds the configuration; raises ConfigurationError with every mistake in it."""
    mistakes = [
        f"{name}: the stand-in does not have this way to log in" for name in _UNKNOWN_LOGINS if settings.get(name)
    ]
    try:
        access = Access.read({f"tencentcloud:{name}": value for name, value in settings.items()}, environment)
    except AccessError as error:
        raise ConfigurationError(f"{error}\n{HOW_TO_REACH_THE_LOCAL_CLOUD}") from error
    if access.protocol != "HTTP":
        mistakes.append(
            f"protocol is {access.protocol}, and must be HTTP: set `pulumi config set tencentcloud:protocol HTTP` "
            "or TENCENTCLOUD_PROTOCOL=HTTP"
        )
    proxy = environment.get("HTTP_PROXY") or environment.get("http_proxy") or ""
    gateway = _gateway(access.domain, proxy)
    if gateway is None:
        way = f"through the proxy {_without_password(proxy)}" if proxy else f"to {access.domain}"
        mistakes.append(
            f"calls would go {way}, which is not this machine: set HTTP_PROXY to the local cloud's "
            "address, or tencentcloud:domain to localhost and its port"
        )
    if not access.has_keys:
        mistakes.append("Please set your `secretId` and `secretKey`.")
    if mistakes:
        listed = "".join(f"\n  * {mistake}" for mistake in mistakes)
        raise ConfigurationError(
            "This is the stand-in for the Tencent Cloud plug-in; it works with the local cloud only."
            f"{listed}\n{HOW_TO_REACH_THE_LOCAL_CLOUD}"
        )
    return Configuration(
        access, gateway or "", _ids(settings, "allowedAccountIds"), _ids(settings, "forbiddenAccountIds")
    )


def _ids(settings: Mapping[str, str], name: str) -> tuple[str, ...]:
    """A list of accounts, which reaches a plug-in as JSON."""
    try:
        found = json.loads(settings.get(name) or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ConfigurationError(f"{name}: {settings[name]!r} is not a list of account ids")
    return tuple(str(account) for account in found)


def _gateway(domain: str, proxy: str) -> str | None:
    """The server on this machine that calls go to, or None when they would leave it.

    A domain on this machine comes first: Go, in which the official plug-in is written, never sends such a name
    through a proxy. Names under `localhost` need not resolve, since calls are sent to the gateway's address.
    """
    address = urlsplit(f"//{domain}")
    if address.hostname and _is_this_machine(address.hostname):
        return f"http://127.0.0.1:{address.port or 80}"
    target = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if proxy and target.scheme == "http" and target.hostname and _is_this_machine(target.hostname):
        return f"http://{_bracketed(target.hostname)}:{target.port or 80}"
    return None


def _is_this_machine(host: str) -> bool:
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _without_password(url: str) -> str:
    address = urlsplit(url if "://" in url else f"http://{url}")
    port = f":{address.port}" if address.port else ""
    return f"{address.scheme}://{address.hostname}{port}"
