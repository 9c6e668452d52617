"""What a preview found, as data that a trusted workflow may read: numbers and names of ours, no text of anybody's.

The untrusted half (the change's own code) writes this document, the trusted half validates it and words it. So nothing
that a pull request prints can reach the comment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Found = Literal["nothing", "running", "parked", "reclaimed"]
Wanted = Literal["running", "parked"]
Deed = Literal[
    "launch", "capture", "terminate", "change_machine", "replace_machine", "drop_image",
    "make_network", "change_network", "end_network", "change_rules",
]  # fmt: skip
Loss = Literal["machine_without_image", "machine_replaced", "rules_opened", "image_dropped"]
Price = Annotated[Decimal, Field(ge=0, le=100_000, max_digits=10, decimal_places=4)]

_STRICT = ConfigDict(extra="forbid", frozen=True)


class Transition(BaseModel):
    """One preview: what was there, what the config wants, what would be done, CNY an hour and a month."""

    model_config = _STRICT

    found: Found
    wanted: Wanted
    failed: bool = False
    deeds: tuple[Deed, ...] = Field(default=(), max_length=40)
    losses: tuple[Loss, ...] = Field(default=(), max_length=10)
    hourly_before: Price | None = None
    hourly_after: Price | None = None
    parked_monthly: Price | None = None


class Previews(BaseModel):
    """All previews of one change."""

    model_config = _STRICT

    version: Literal[1] = 1
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")]
    transitions: tuple[Transition, ...] = Field(min_length=1, max_length=12)


_INSTANCE = "tencentcloud:Instance/instance:Instance"
_IMAGE = "tencentcloud:Image/instance:Instance"
_NETWORK = ("tencentcloud:Vpc/", "tencentcloud:Subnet/", "tencentcloud:Security/group:")
_RULES = "tencentcloud:Security/groupRuleSet:"
_MAKES = {"create", "create-replacement", "import"}
_ENDS = {"delete", "delete-replaced"}
#: The one line of the announcement that tells prices; `tests/tools/pull_request` holds it against the announcement.
_PRICES = re.compile(r"Price of machine and disk: now (?P<now>\S+)(?: CNY/h)?, after (?P<after>[^ ;]+)")
_PARKED = re.compile(r"at most (?P<price>[\d.]+) CNY a month")


def read_transition(found: Found, wanted: Wanted, preview: Mapping[str, Any], *, failed: bool = False) -> Transition:
    """Take the engine's `preview --json` apart. What is not there is left unknown."""
    steps = [(str(step.get("op")), _type_of(step)) for step in preview.get("steps") or () if isinstance(step, Mapping)]
    deeds = tuple(dict.fromkeys(deed for op, kind in steps for deed in _deeds(op, kind)))
    said = " ".join(str(row.get("message")) for row in preview.get("diagnostics") or () if isinstance(row, Mapping))
    prices, parked = _PRICES.search(said), _PARKED.search(said)
    return Transition(
        found=found,
        wanted=wanted,
        failed=failed,
        deeds=deeds,
        losses=_losses(found, deeds),
        hourly_before=_price(prices and prices["now"]),
        hourly_after=_price(prices and prices["after"]),
        parked_monthly=_price(parked and parked["price"]),
    )


def _type_of(step: Mapping[str, Any]) -> str:
    """The last type in the resource's URN: `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME`."""
    parts = str(step.get("urn")).split("::")
    return parts[2].rpartition("$")[2] if len(parts) > 2 else ""


def _deeds(op: str, kind: str) -> tuple[Deed, ...]:
    if kind == _INSTANCE:
        if op in ("replace", "create-replacement"):
            return ("replace_machine",)
        return _one(op, "launch", "change_machine", "terminate")
    if kind == _IMAGE:
        return _one(op, "capture", None, "drop_image")
    if kind.startswith(_RULES):
        return _one(op, None, "change_rules", None)
    if kind.startswith(_NETWORK):
        return _one(op, "make_network", "change_network", "end_network")
    return ()


def _one(op: str, make: Deed | None, change: Deed | None, end: Deed | None) -> tuple[Deed, ...]:
    deed = make if op in _MAKES else change if op == "update" else end if op in _ENDS else None
    return (deed,) if deed else ()


def _losses(found: Found, deeds: tuple[Deed, ...]) -> tuple[Loss, ...]:
    losses: list[Loss] = []
    if "terminate" in deeds and "capture" not in deeds and found == "running":
        losses.append("machine_without_image")
    if "replace_machine" in deeds:
        losses.append("machine_replaced")
    if "drop_image" in deeds and "capture" not in deeds:
        losses.append("image_dropped")
    if "change_rules" in deeds:
        losses.append("rules_opened")
    return tuple(losses)


def _price(text: str | None) -> Decimal | None:
    return Decimal(text) if text and re.fullmatch(r"\d{1,6}(\.\d{1,4})?", text) else None
