"""What the cloud says to one round of questions, all put at once: lists, and dry runs of what would cost money."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from components.settings import Settings
from components.stock import launch_request
from operate.holdings import seen_machines, sort_own
from operate.machine_role import CHECK, read_role
from operate.stacks import Stack
from tencent.cloud import Cloud, ask
from tencent.errors import CloudError
from tencent.facts import Image, Instance


@dataclass(frozen=True)
class Answers:
    """What the cloud said to one round of questions: a value or a refusal for each."""

    given: Mapping[str, Any]
    others: str = ""  # what of the stack's name is another state's

    def get(self, name: str) -> Any:
        """The value, None where the question was refused."""
        found = self.given.get(name)
        return None if isinstance(found, CloudError) else found

    @property
    def refusals(self) -> dict[str, CloudError]:
        return {name: found for name, found in self.given.items() if isinstance(found, CloudError)}

    @property
    def images(self) -> tuple[Image, ...]:
        """The stack's own."""
        return self.get("images") or ()

    @property
    def living(self) -> list[Instance]:
        """The stack's own machines that are not ending."""
        return [one for one in self.get("machines") or () if one.alive]


def ask_cloud(stack: Stack, settings: Settings, cloud: Cloud, zones: Iterable[str]) -> Answers:
    family = settings.instance_type.partition(".")[0]
    pattern = re.compile(settings.image_name, re.IGNORECASE)
    questions: dict[str, Callable[[], Any]] = {
        "machines": lambda: seen_machines(stack, cloud),
        "images": cloud.custom_images,
        "all images": lambda: cloud.call(
            "cvm", "DescribeImages", Filters=[{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}], Limit=1
        )["TotalCount"],
        "image quota": lambda: cloud.call("cvm", "DescribeImageQuota")["ImageNumQuota"],
        "stock": lambda: cloud.offers(zones, settings.instance_charge_type),
        "public image": lambda: cloud.public_image(lambda name: bool(pattern.search(name)), settings.instance_type),
        "spot quota": lambda: cloud.call(
            "cvm", "DescribeAccountQuota", Filters=[{"Name": "zone", "Values": list(zones)}]
        )["AccountQuotaOverview"]["AccountQuota"]["SpotPaidQuotaSet"],
        "snapshots": cloud.snapshot_overview,
    }
    if settings.cam_role:
        questions[CHECK] = partial(read_role, cloud, settings.cam_role, str(stack.outputs.get("identity") or ""))
    for zone in zones:
        questions[f"disk {zone}"] = partial(cloud.disk_offer, zone, settings.system_disk_type, family)
    given = ask_all(questions)
    seen = {name: () if isinstance(given[name], CloudError) else given[name] for name in ("machines", "images")}
    own = sort_own(stack, seen["machines"], seen["images"])
    sorted_out = {"machines": own.machines, "images": own.images}
    return Answers(
        {**given, **{name: found for name, found in sorted_out.items() if not isinstance(given[name], CloudError)}},
        own.note(),
    )


def ask_all(questions: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Put all questions at once; a refusal is an answer too, with its code and action."""

    def put(question: Callable[[], Any]) -> Any:
        try:
            return question()
        except CloudError as error:
            return error

    answers, _ = ask({name: partial(put, question) for name, question in questions.items()})
    return answers


def try_launches(cloud: Cloud, settings: Settings, zones: Iterable[str], image_id: str) -> dict[str, CloudError | None]:
    """A dry run of the launch in each zone: None where it would be taken, else the refusal. Buys nothing."""
    return ask_all({zone: partial(cloud.dry_run, launch_request(settings, zone, image_id)) for zone in zones})


def dry_runs(
    cloud: Cloud, runs: Mapping[str, CloudError | None], machine: Instance | None
) -> dict[str, CloudError | None]:
    """The refusals of the dry runs, by the action's name in CAM. One that was allowed anywhere is allowed."""
    found: dict[str, CloudError | None] = {}
    if runs:
        found["cvm:RunInstances"] = next((one for one in runs.values() if one is None), next(iter(runs.values())))
    if machine is not None and machine.state == "RUNNING":
        capture = partial(
            cloud.call, "cvm", "CreateImage", ImageName="chatglm-doctor", InstanceId=machine.id, DryRun=True
        )
        answer = ask_all({"capture": capture})["capture"]
        found["cvm:CreateImage"] = answer if isinstance(answer, CloudError) else None
    return found
