"""The spot GPU machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from tencentcloud_iac_pulumi import instance

from components import lifecycle
from components.hooks import DANGEROUS_INPUTS
from components.network import Network
from components.settings import Settings
from tencent.facts import NO_LAUNCH, TAG_EDITION, TAG_LAUNCH, TAG_OWNER, TAG_STACK

#: What a living machine keeps whatever the settings say: see DANGEROUS_INPUTS; the others would replace the machine
#: (and an import could not match them, since the API does not tell them).
KEPT_WHILE_LIVING = [
    *DANGEROUS_INPUTS,
    "availabilityZone",
    "subnetId",
    "vpcId",
    "allocatePublicIp",
    "spotMaxPrice",
    "spotInstanceType",
    "instanceChargeType",
    "userDataRaw",  # runs at the first start only; the next machine gets the new one
    "userDataReplaceOnChange",
    "forceDelete",
    # The marks of its owner are written before anything else, past the plug-in: see components/claim.py.
    *(f'tags["{key}"]' for key in (TAG_STACK, TAG_LAUNCH, TAG_OWNER, TAG_EDITION)),
]


@dataclass(frozen=True)
class MachineArgs:
    """`plan` says which machine; the settings and the user data are what a new one gets."""

    plan: lifecycle.MachinePlan
    network: Network
    settings: Settings
    user_data: str
    tags: Mapping[str, str]
    hooks: pulumi.ResourceHookBinding
    after: Sequence[pulumi.Resource] = ()  # what leaves the state only when the machine has left it


class Machine(pulumi.ComponentResource):
    """One machine, made by one launch and named after it: a later launch is another resource, never a change."""

    instance_id: pulumi.Output[str]
    address: pulumi.Output[str]

    def __init__(self, name: str, args: MachineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("chatglm:index:Machine", name, None, opts)
        living, settings = args.plan.living, args.settings
        bid = settings.spot_max_price or None
        made = instance.Instance(
            args.plan.name,
            instance_name=f"{pulumi.get_project()}-{pulumi.get_stack()}"[:60],
            availability_zone=args.plan.zone,
            vpc_id=args.network.vpc_id,
            subnet_id=args.network.subnet_id,
            # Without a group of its own a launch would get the project's default one, open to the world.
            orderly_security_groups=[args.network.security_group_id],
            instance_type=settings.instance_type,
            instance_charge_type=settings.instance_charge_type,
            spot_instance_type="ONE-TIME" if bid else None,
            spot_max_price=bid,
            image_id=args.plan.image_id,
            # A restored disk cannot be smaller than its image, and the API's default of 50 GB would be.
            system_disk_size=settings.system_disk_gb,
            system_disk_type=settings.system_disk_type,
            allocate_public_ip=True,
            internet_charge_type="TRAFFIC_POSTPAID_BY_HOUR",
            internet_max_bandwidth_out=settings.bandwidth_mbps,
            hostname=settings.hostname,
            password=pulumi.Output.secret(settings.admin_password.get_secret_value()),
            # The plug-in does not treat user data as a secret, so it is marked one here.
            user_data_raw=pulumi.Output.secret(args.user_data),
            # With which it parks itself. It can be given to a living machine, and taken away, without a restart.
            cam_role_name=settings.cam_role or None,
            tags=dict(args.tags),
            opts=pulumi.ResourceOptions(
                parent=self,
                # The machine ends through the hook alone, which demands proof that its work is safe.
                retain_on_delete=True,
                hooks=args.hooks,
                # Dependents are deleted first: a destroy that is refused the machine has dropped nothing else.
                depends_on=[args.network.rules, *args.after],
                # Adopts a machine whose launch succeeded though its answer was lost; for one that the
                # state holds already, the same id changes nothing.
                import_=living.id if living and living.launch != NO_LAUNCH else None,
                # The API tells the user data in a second form, which would stand in the state in the clear.
                additional_secret_outputs=["password", "userData", "userDataRaw"],
                # Any of these would reinstall, reboot or replace a machine that holds somebody's work.
                ignore_changes=KEPT_WHILE_LIVING if living else None,
            ),
        )
        self.instance_id, self.address = made.id, made.public_ip
        self.register_outputs({"instanceId": self.instance_id, "address": self.address})
