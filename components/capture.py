"""A capture: an image of the machine, from which it is restored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from tencentcloud_iac_pulumi import image

from components.images import CapturePlan
from tencent.names import image_name


@dataclass(frozen=True)
class CaptureArgs:
    plan: CapturePlan
    tags: Mapping[str, str]
    hooks: pulumi.ResourceHookBinding
    after: Sequence[pulumi.Resource] = ()  # what stays in the state for as long as this does


class Capture(pulumi.ComponentResource):
    """One image, one generation. The number in the name is what makes the next park a new image."""

    image: pulumi.Resource
    image_id: pulumi.Output[str]

    def __init__(self, name: str, args: CaptureArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatglm:index:Capture", name, None, opts)
        taken = bool(args.plan.image_id)
        made = image.Instance(
            args.plan.name,
            image_name=image_name(pulumi.get_stack(), args.plan.generation, args.plan.machine_id),
            image_description=f"ChatGLM machine {args.plan.machine_id} of the stack {pulumi.get_stack()}",
            instance_id=args.plan.machine_id,
            # Off first: an image of a running Windows may lack what was not yet written to disk.
            force_poweroff=True,
            # No sysprep: accounts, host name and software must come back as they were.
            sysprep=False,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The plug-in's own deletion would leave the snapshots; the hook retires image and snapshots.
                retain_on_delete=True,
                hooks=args.hooks,
                depends_on=list(args.after),
                # A taken image stays as it is. Its machine is gone, and a changed instanceId would replace it.
                ignore_changes=["instanceId", "imageName", "imageDescription", "tags"] if taken else None,
            ),
        )
        self.image, self.image_id = made, made.id
        self.register_outputs({"imageId": self.image_id})
