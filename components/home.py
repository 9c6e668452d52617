"""Where a stack lives: the account and the region of all that it owns. Elsewhere nothing of it can be seen.

What cannot be seen from elsewhere would be taken for gone: a destroy would end with an empty state and a machine that
is billed on. So the state remembers both, and every preview, update and destroy from elsewhere is refused. A plain
`pulumi refresh` runs no program; it uses the provider that the state holds, which is why that is one of the stack's
own, with its region and the one account that it may work in written into it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi
from tencentcloud_iac_pulumi import _utilities

from components.context import Context
from tencent.access import STAND_IN_VARIABLE, Access
from tencent.errors import CloudError
from tencent.facts import Facts
from words import phrase

RECORD = "chatglm:index:Home"
_PACKAGE = "tencentcloud"
#: What a stack owns that lies in one region, and what people call it.
_OWNED = {
    "tencentcloud:Instance/instance:Instance": "machine",
    "tencentcloud:Image/instance:Instance": "image",
    "tencentcloud:Vpc/instance:Instance": "network",
    "tencentcloud:Subnet/instance:Instance": "subnet",
    "tencentcloud:Security/group:Group": "security group",
}
_WORDS = list(_OWNED.values())


class HomeError(pulumi.RunError):
    """The stack lives in another account or region than the one that was looked at."""


@dataclass(frozen=True)
class Home:
    """An account, by its owner's Uin, and a region. The account is empty where it is not known."""

    account: str
    region: str

    def outputs(self) -> dict[str, pulumi.Input[Any]]:
        """For people, and for commands that run no program."""
        return {"accountId": self.account or "unknown", "region": self.region}

    def __str__(self) -> str:
        return phrase(
            "{account}, region {region}",
            account=phrase("account {account}", account=self.account) if self.account else phrase("an unknown account"),
            region=self.region,
        )


@dataclass(frozen=True)
class Dwelling:
    """What the state knows: where the stack lives, and what it owns there, as pairs of a word and an id.

    `forgotten` is what the last complete update left and a refresh from elsewhere, past this program, dropped since.
    """

    home: Home | None = None
    owned: tuple[tuple[str, str], ...] = ()
    forgotten: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_state(cls, resources: Mapping[str, Mapping[str, Any]]) -> Dwelling:
        """From the outputs of every resource, by URN, as the engine tells them. States of earlier versions name the
        region by the zone alone.
        """
        home, outputs = None, dict[str, Any]()
        held: list[tuple[str, str]] = []
        for resource in resources.values():
            kind, row = resource.get("type"), resource.get("outputs") or {}
            if kind == RECORD and row.get("region"):
                home = Home(str(row.get("accountId") or ""), str(row["region"]))
            elif kind == "pulumi:pulumi:Stack":
                outputs = dict(row)
            elif kind in _OWNED and row.get("id"):
                held.append((_OWNED[kind], str(row["id"])))
        told = _remembered(outputs)
        owned = tuple(dict.fromkeys(sorted(held + told, key=lambda each: _WORDS.index(each[0]))))
        region = str(outputs.get("zone") or "").rpartition("-")[0]
        lost = tuple(each for each in told if each not in held)
        return cls(home or (Home("", region) if region and owned else None), owned, lost)

    def judge(self, here: Home) -> str:
        """Why nothing may be done here, in words; empty where the stack lives here or owns nothing yet."""
        home = self.home
        if home is None or not self.owned:
            return ""
        if home.region == here.region and (not home.account or home.account == here.account):
            return ""
        ways = []
        if home.account and here.account != home.account:
            ways.append(
                phrase("give keys of the account {account} (its owner's, a user's or a role's)", account=home.account)
            )
        if home.region != here.region:
            ways.append(phrase("set the region: pulumi config set tencentcloud:region {region}", region=home.region))
        return phrase(
            "This stack lives in {home}, and owns {told} there. You are looking from {here}: "
            "nothing of it can be seen from there, which does not mean that it is gone. Nothing "
            "was changed. To go on, {ways}.",
            home=home,
            told=self.told(),
            here=here,
            ways=phrase(" and ").join(ways),
        )

    def told(self) -> str:
        """What the stack owns, in words."""
        return phrase(", ").join(
            phrase("the {kind} {name}", kind=phrase(kind), name=name) for kind, name in self.owned[:3]
        ) + (phrase(" and {count} more", count=len(self.owned) - 3) if len(self.owned) > 3 else "")


def _remembered(outputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the outputs of the last complete update name."""
    named = {"machine": "machineId", "network": "vpcId", "subnet": "subnetId", "security group": "securityGroupId"}
    found = [(word, str(outputs[key])) for word, key in named.items() if outputs.get(key)]
    return found + [("image", str(row["imageId"])) for row in outputs.get("captures") or () if row.get("imageId")]


@dataclass(frozen=True)
class Arrival:
    """Where the stack lives from now on, and what of it is there though its state forgot it, by word and id."""

    home: Home
    found: Mapping[str, str]


class Look:
    """A look at where this run is: the account is asked for while other look-ups are under way."""

    def __init__(self, context: Context, dwelling: Dwelling, account: Awaitable[tuple[str, str]]) -> None:
        self.dwelling = dwelling
        self._context = context
        self._account = account

    async def settled(self) -> Home | None:
        """Where the stack lives, once the account says what the state says; None where more must be seen first."""
        known = self.dwelling.home
        if known is None or not (known.account and self.dwelling.owned):
            return None
        here = Home((await self._account)[0], self._context.region)
        return here if here == known else None

    async def arrive(self, facts: Facts) -> Arrival:
        """Where the stack lives. Raises HomeError where that is elsewhere.

        An account that cannot be asked for keeps an update from going on where the stack owns something, and a preview
        from nothing. One that no update asked for before is taken for the stack's where something of it is seen.
        """
        account, failure = await self._account
        here, known = Home(account, self._context.region), self.dwelling.home
        if known is None or not self.dwelling.owned:
            return Arrival(here, {})
        if not account:
            if not pulumi.runtime.is_dry_run():
                raise HomeError(
                    phrase(
                        "Nothing was changed: whose keys these are could not be asked, and this stack lives "
                        "in {known}. {failure} Run the same command again.",
                        known=known,
                        failure=failure,
                    )
                )
            return Arrival(replace(known, region=here.region), {})
        if reason := self.dwelling.judge(here):
            raise HomeError(reason)
        if not known.account:
            self._demand_sign(here, facts)
            pulumi.log.info(phrase("From now on this stack is known to live in {here}.", here=here))
        return Arrival(here, await asyncio.to_thread(self._find_forgotten))

    def _demand_sign(self, here: Home, facts: Facts) -> None:
        """Raise HomeError where nothing of the stack is seen, though everything could be."""
        seen = {machine.id for machine in facts.instances or ()} | {image.id for image in facts.images or ()}
        looked = facts.instances is not None and facts.images is not None and not self._context.settings.discard
        if looked and facts.ingress is None and not seen & {name for _, name in self.dwelling.owned}:
            raise HomeError(
                phrase(
                    "Nothing was changed: this stack owns {told}, and nothing of that is seen in {here}. "
                    "If it lives in another account, give keys of that one. If all of it is really gone: "
                    "pulumi config set chatglm:discard true.",
                    told=self.dwelling.told(),
                    here=here,
                )
            )

    def _find_forgotten(self) -> dict[str, str]:
        """Those of the forgotten things of the network that are there."""
        cloud = self._context.cloud
        forgotten = {word: name for word, name in self.dwelling.forgotten if word not in ("machine", "image")}
        if cloud is None or not forgotten:
            return {}
        return {word: name for word, name in forgotten.items() if cloud.network_part_exists(name)}


def begin_to_ask(context: Context) -> Awaitable[tuple[str, str]]:
    """Ask whose keys these are while the program goes on: the account, or nothing and why."""
    return asyncio.ensure_future(asyncio.to_thread(_ask_account, context))


def look(context: Context, state: Mapping[str, Mapping[str, Any]], account: Awaitable[tuple[str, str]]) -> Look:
    """Read where the stack lives. Raises HomeError for another region."""
    dwelling = Dwelling.from_state(state)
    known = dwelling.home
    if known and (reason := dwelling.judge(Home(known.account, context.region))):
        raise HomeError(reason)
    return Look(context, dwelling, account)


def _ask_account(context: Context) -> tuple[str, str]:
    """The account of the keys, or nothing and why."""
    if context.cloud is None:
        return "", ""
    try:
        return context.cloud.account_id(), ""
    except CloudError as error:
        return "", error.reason


class HomeRecord(pulumi.ComponentResource):
    """The home in the state, with the provider that works there. `options` makes a component use that provider."""

    def __init__(self, home: Home, context: Context) -> None:
        super().__init__(RECORD, "home")
        config, encrypted = pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
        access = context.cloud.access if context.cloud else None
        provider = pulumi.ProviderResource(
            _PACKAGE,
            "tencentcloud",
            dict(provider_inputs(home, config, encrypted, access)),
            pulumi.ResourceOptions(
                parent=self,
                version=_utilities.get_version(),
                plugin_download_url=_utilities.get_plugin_download_url(),
            ),
        )
        self.options = pulumi.ResourceOptions(providers=[provider])
        self.register_outputs({"accountId": home.account, "region": home.region})


def provider_inputs(
    home: Home,
    config: Mapping[str, str],
    encrypted: Collection[str],
    access: Access | None,
    environment: Mapping[str, str] = os.environ,
) -> dict[str, pulumi.Input[str]]:
    """The stack's `tencentcloud:` configuration, with its home. What the environment says is left to the plug-in."""
    prefix = f"{_PACKAGE}:"
    inputs: dict[str, pulumi.Input[str]] = {
        key.removeprefix(prefix): pulumi.Output.secret(value) if key in encrypted else value
        for key, value in config.items()
        if key.startswith(prefix)
    }
    inputs["region"] = home.region
    chosen = {"allowedAccountIds", "forbiddenAccountIds"} & set(inputs)
    if home.account and not chosen and access is not None and can_ask_account(access, environment):
        inputs["allowedAccountIds"] = json.dumps([home.account])
    return inputs


def can_ask_account(access: Access, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the plug-in can find out whose keys it has.

    The official one asks at Tencent's own address by HTTPS whatever endpoint it was given (`getCallerIdentity` of its
    Terraform provider), so not on a local cloud.
    """
    return access.protocol.upper() == "HTTPS" or environment.get(STAND_IN_VARIABLE) == "true"
