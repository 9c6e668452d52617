"""What Pulumi's state holds from the updates before: the outputs of the last complete one, and what stands in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi

from components.identity import Identity
from tencent.firewall import Rule
from tencent.ownership import Owner
from words import phrase

_ROOT = "pulumi:pulumi:Stack"
_MACHINE = "tencentcloud:Instance/instance:Instance"
_IMAGE = "tencentcloud:Image/instance:Instance"
_VPC = "tencentcloud:Vpc/instance:Instance"

#: The form of the outputs. A change that earlier versions of the program would misread gets the next number.
SCHEMA = 1


class NewerStateError(pulumi.RunError):
    """A later version of the program has updated this stack."""


def unknown_form(outputs: Mapping[str, Any]) -> str:
    """Why the outputs of a stack cannot be read, in words; empty where they can. Those without a number are the first.

    Numbers of a state are floats.
    """
    written = outputs.get("schema", SCHEMA)
    if isinstance(written, int | float) and not isinstance(written, bool) and 1 <= written <= SCHEMA:
        return ""
    form = f"{written:g}" if isinstance(written, float) else repr(written)
    return phrase(
        "This stack was last updated by a later version of the project: its outputs have form {form}, and this version "
        "knows {known}. Nothing was changed. Take that version (git pull), and run the same command again.",
        form=form,
        known=SCHEMA,
    )


@dataclass(frozen=True)
class Taken:
    """A capture that Pulumi's state holds."""

    generation: int
    image_id: str
    machine_id: str


@dataclass(frozen=True)
class Prior:
    """Outputs of the last update that came to its end, and what the state holds now; empty for a new stack.

    `machines` and `images` are the ids that it names, which a failed update may have added to; `held` are those of the
    machines that it has a resource for.
    """

    machine_id: str = ""
    zone: str = ""
    captures: tuple[Taken, ...] = ()
    security_group_id: str = ""
    ingress: tuple[Rule, ...] = ()  # what the security group was given
    record: str = ""  # names the machine's resource
    outdated: tuple[str, ...] = ()  # images whose machine went on running
    forgotten: frozenset[str] = frozenset()  # images that a refresh from elsewhere dropped from the state
    identity: Identity | None = None
    edition: str = ""  # of the last update that came to its end
    adopted: str = ""  # the word `chatglm:adopt` that was obeyed
    machines: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    vpc_id: str = ""
    machine_password: str = field(default="", repr=False)  # with which the machine was launched
    demo_password: str = field(default="", repr=False)
    api_key: str = field(default="", repr=False)
    demo_user: str = ""
    demo_port: int = 0
    demo_tls: bool = False
    demo_certificate: str = ""  # in PEM; empty where it was never seen
    told: Mapping[str, str] = field(default_factory=dict)  # settings that the machine was told, as digests
    launched: Mapping[str, str] = field(default_factory=dict)  # settings that it was launched with, as digests

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> Prior:
        """Raises NewerStateError for outputs of a form that this version does not know."""
        if reason := unknown_form(outputs):
            raise NewerStateError(reason)
        return cls(
            machine_id=outputs.get("machineId") or "",
            zone=outputs.get("zone") or "",
            captures=tuple(
                Taken(int(row["generation"]), str(row["imageId"]), str(row["machineId"]))
                for row in outputs.get("captures") or ()
                if isinstance(row.get("imageId"), str)  # unknown where the update never came to make the image
            ),
            security_group_id=outputs.get("securityGroupId") or "",
            record=outputs.get("record") or "",
            outdated=tuple(outputs.get("outdatedImages") or ()),
            ingress=tuple(Rule(**row) for row in outputs.get("ingress") or ()),
            edition=outputs.get("edition") or "",
            adopted=outputs.get("adopted") or "",
            demo_password=outputs.get("demoPassword") or "",
            api_key=outputs.get("apiKey") or "",
            demo_user=outputs.get("demoUser") or "",
            demo_port=_port(outputs.get("demoUrl") or ""),
            demo_tls=str(outputs.get("demoUrl") or "").startswith("https:"),
            demo_certificate=outputs.get("demoCertificate") or "",
            told=dict(outputs.get("toldSettings") or {}),
            launched=dict(outputs.get("launchSettings") or {}),
        )

    @classmethod
    def from_state(cls, resources: Mapping[str, Mapping[str, Any]]) -> Prior:
        """From the outputs of every resource, by URN, as the engine tells them."""
        of_type: dict[str, list[Mapping[str, Any]]] = {}
        for resource in resources.values():
            of_type.setdefault(str(resource.get("type")), []).append(resource.get("outputs") or {})
        prior = cls.from_outputs(next(iter(of_type.get(_ROOT, ())), {}))
        held = [row for row in of_type.get(_MACHINE, ()) if row.get("id")]
        passwords = [str(row.get("password") or "") for row in held if row["id"] == prior.machine_id]
        known = {
            "machine_password": next(iter(passwords), ""),
            "identity": Identity.from_state(resources),
            "machines": frozenset({str(row["id"]) for row in held} | {prior.machine_id} - {""}),
            "held": frozenset(str(row["id"]) for row in held),
            "images": frozenset(
                {str(row["id"]) for row in of_type.get(_IMAGE, ()) if row.get("id")}
                | {taken.image_id for taken in prior.captures}
            ),
            "vpc_id": next((str(row["id"]) for row in of_type.get(_VPC, ()) if row.get("id")), ""),
        }
        return cls(**{**vars(prior), **known})

    @property
    def launches(self) -> tuple[str, ...]:
        """Launches of updates that did not come to their end; what a complete one launched is in the state."""
        if self.identity is None or self.edition == str(self.identity.edition):
            return ()
        return self.identity.launches

    @property
    def is_empty(self) -> bool:
        """Whether the state holds nothing that a destroy could end."""
        return not (self.held or self.images or self.vpc_id)

    @property
    def is_legacy(self) -> bool:
        """Whether the state is of a version that had no identities."""
        return self.identity is None and bool(self.machines or self.images or self.vpc_id)

    def owner(self, identity: Identity, stack_id: str, adopt: str) -> Owner:
        """The state as an owner. `adopt` is the word in the settings, which is obeyed once."""
        return Owner(
            identity.name,
            identity.edition,
            stack_id,
            # What was captured once is known to have been ours, though it is gone.
            self.machines | {taken.machine_id for taken in self.captures},
            self.images,
            frozenset(self.launches),
            self.vpc_id,
            "" if adopt == self.adopted else adopt,
            self.is_legacy,
        )

    def without_images(self, forgotten: Iterable[tuple[str, str]]) -> Prior:
        """The same, knowing what the state forgot: images, which have no way back, are looked after by their tags."""
        return replace(self, forgotten=frozenset(name for word, name in forgotten if word == "image"))


def _port(url: str) -> int:
    """The port that a web address ends in; 0 where it names none."""
    text = url.rpartition(":")[2]
    return int(text) if text.isdecimal() else 0


async def read_state() -> Mapping[str, Mapping[str, Any]]:
    """The outputs of the stack's own resources, by URN: a program cannot see its state, but may read its stack."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    answer = await pulumi.runtime.invoke_async("pulumi:pulumi:readStackResourceOutputs", {"stackName": name})
    resources: Mapping[str, Mapping[str, Any]] = answer["outputs"]
    return resources
