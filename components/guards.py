"""Proof before loss: the acts through which alone a machine or an image of a stack can end.

Machines, captures and the security group are declared with `retain_on_delete`: the plug-in never deletes them. When
Pulumi drops one, its `before_delete` hook does the work through the SDK: it demands proof, ends the thing, and waits
until it is gone. A hook that raises stops the deletion, and the thing stays in the state for the next update. So no
option of the engine (`--target`, `--continue-on-error`) gets past the proof, a machine that was reclaimed meanwhile
is simply found gone, and images take their snapshots with them, which the plug-in would leave to cost money.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pulumi

from components.cloud import Cloud
from components.cloud_errors import CloudError
from components.facts import Facts, Image, Instance
from components.lifecycle import newest, proves
from components.settings import Settings

#: An image may take an hour (the plug-in's own limit); a termination a quarter of one.
_IMAGE_PATIENCE = timedelta(minutes=75)
_TERMINATION_PATIENCE = timedelta(minutes=15)
#: How long the cloud may go on showing what it just called unknown.
_VANISHING_PATIENCE = timedelta(minutes=1)

#: What the cloud calls a thing that does not exist.
_UNKNOWN = (
    "InvalidInstanceId.NotFound",
    "InvalidImageId.NotFound",
    "InvalidSecurityGroupID.NotFound",
    "ResourceNotFound",
)


class RefusedError(pulumi.RunError):
    """A deletion or change that would lose work; the text says what to do instead."""


@dataclass(frozen=True)
class Guards:
    """What the hooks need to know. `cloud` is None where no keys were found."""

    cloud: Cloud | None
    stack_id: str
    settings: Settings
    declared: Sequence[int] = ()  # generations that the program declares: these end only with the stack
    outdated: Sequence[str] = ()  # images that are no proof, since their machine went on running
    poll_seconds: float = 2.0
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    log: Callable[[str], None] = pulumi.log.info
    #: Several hooks may retire images at once; one after the other, none trips over what another deletes.
    _retiring: threading.Lock = field(default_factory=threading.Lock)

    def end_machine(self, instance_id: str) -> None:
        """Terminate a machine once its last state is safe. Raises RefusedError without proof, CloudError otherwise."""
        cloud = self._require_cloud()
        machine = cloud.instance(instance_id)
        if machine is not None and machine.state != "TERMINATING":
            self._end(cloud, machine)
        if self.settings.state == "parked":
            # An image that was still being made when the captures were planned is the newest only now.
            self.retire_superseded()

    def _end(self, cloud: Cloud, machine: Instance) -> None:
        if machine.alive and not self.settings.discard:
            self._demand_proof(cloud, machine)
        self.log(f"Terminating {machine.id}.")
        known = _try_to_end(lambda: cloud.terminate(machine.id))
        patience = _TERMINATION_PATIENCE if known else _VANISHING_PATIENCE
        self._wait(f"{machine.id} to end", patience, lambda: _is_gone(cloud.instance(machine.id)))

    def _demand_proof(self, cloud: Cloud, machine: Instance) -> None:
        def find_proof() -> Image | None:
            facts = Facts(now=self.now())
            images = cloud.images(self.stack_id)
            own = [i for i in images if i.machine_id == machine.id and i.id not in self.outdated]
            proof = newest(image for image in own if proves(image, machine, facts))
            if proof is None and not any(image.state == "CREATING" for image in own):
                raise RefusedError(
                    f"{machine.id} was not terminated: no NORMAL image of its present state exists, so its work "
                    "would be lost. Park it first (pulumi config set chatglm:state parked; pulumi up). "
                    "To throw its work away: pulumi config set chatglm:discard true."
                )
            return proof

        self._wait(f"the image of {machine.id} to become NORMAL", _IMAGE_PATIENCE, lambda: find_proof() is not None)

    def retire_capture(self, resource_name: str) -> None:
        """A capture leaves the state: superseded, or with the whole stack."""
        ending = int(resource_name.rpartition("-")[2]) in self.declared
        self._retire(0 if ending and not self.settings.keep_image else self.settings.keep_images)

    def retire_superseded(self) -> None:
        """Delete the stack's older images, whether or not Pulumi's state holds them."""
        self._retire(self.settings.keep_images)

    def retire_unmanaged(self) -> None:
        """The stack is being destroyed: images that its state never held, or holds no more, go by the same rule."""
        self._retire(self.settings.keep_images if self.settings.keep_image else 0, spared=self.declared)

    def _retire(self, keep: int, spared: Sequence[int] = ()) -> None:
        """Keep the newest NORMAL images of the stack, delete the older ones with their snapshots."""
        with self._retiring:
            self._retire_alone(self._require_cloud(), keep, spared)

    def _retire_alone(self, cloud: Cloud, keep: int, spared: Sequence[int]) -> None:
        images = sorted(cloud.images(self.stack_id), key=lambda image: image.created, reverse=True)
        usable = [image for image in images if image.usable]
        failed = [image for image in images if image.state == "CREATEFAILED"]
        for image in (*usable[keep:], *failed):
            if image.generation not in spared:
                self.log(f"Deleting the image {image.name} ({image.id}) with its snapshots.")
                self._delete_image(cloud, image)

    def _delete_image(self, cloud: Cloud, image: Image) -> None:
        known = _try_to_end(lambda: cloud.delete_image(image))
        patience = _TERMINATION_PATIENCE if known else _VANISHING_PATIENCE
        self._wait(f"{image.id} to be deleted", patience, lambda: cloud.image(image.id) is None)
        if left := cloud.snapshots(image.snapshot_ids):
            cloud.delete_snapshots(left)

    def end_strays(self, subnet_id: str = "") -> None:
        """The network is being deleted, and the machines that the state holds have ended: end any other in it.

        An update that was cut off can have launched a machine that no resource stands for. Raises as `end_machine`.
        """
        for machine in self._require_cloud().instances(self.stack_id):
            if machine.alive and subnet_id in ("", machine.subnet_id):
                self.end_machine(machine.id)

    def end_security_group(self, group_id: str) -> None:
        """Delete the group once no machine is in it. The plug-in would fail for ever on one that is gone already."""
        cloud = self._require_cloud()
        self.end_strays()

        def try_to_delete() -> bool:
            try:
                _try_to_end(lambda: cloud.delete_security_group(group_id))
            except CloudError as error:
                if not error.code.startswith("ResourceInUse"):
                    raise
                return False
            return True

        self._wait(f"{group_id} to be free of machines", _TERMINATION_PATIENCE, try_to_delete)

    def demand_image_quota(self) -> None:
        """Raise RefusedError where the account can hold no further image, naming those that it has, oldest first."""
        cloud = self._require_cloud()
        try:
            quota, images = cloud.image_quota(), cloud.own_images()
        except CloudError:
            return  # CreateImage itself will tell
        if len(images) < quota:
            return
        listed = "; ".join(
            f"{image.name} ({image.id}, of {image.created:%Y-%m-%d %H:%M} UTC, {image.size_gb} GB)"
            for image in sorted(images, key=lambda image: image.created)
        )
        raise RefusedError(
            f"The region holds {len(images)} custom images, and the account may have {quota}: no image of the machine "
            "can be made, so it stays. Delete one that you do not need, with its snapshots, in the console, or lower "
            f"chatglm:keepImages. Oldest first: {listed}."
        )

    def clear_subnets(self, vpc_id: str, name: str, cidr: str = "") -> None:
        """Delete subnets of the stack's own VPC that no resource stands for: all, or those of one range.

        The answer to the call that made one was lost. It costs nothing, but while it is there no other subnet of
        its range can be made, and the VPC cannot be deleted. One that is in use cannot be deleted either.
        """
        cloud = self._require_cloud()
        for subnet in cloud.subnets(vpc_id, name):
            if not cidr or subnet.cidr == cidr:
                self.log(f"Deleting the subnet {subnet.id}: a lost answer left it behind.")
                cloud.delete_subnet(subnet.id)

    def _wait(self, what: str, patience: timedelta, done: Callable[[], bool]) -> None:
        end = time.monotonic() + patience.total_seconds()
        while not done():
            if time.monotonic() > end:
                raise RefusedError(f"Waited {patience} for {what}, in vain. Run the same command again to go on.")
            time.sleep(self.poll_seconds)

    def _require_cloud(self) -> Cloud:
        if self.cloud is None:
            raise RefusedError(
                "Nothing can be proved, so nothing is deleted: no keys of Tencent Cloud were found. "
                "Set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY."
            )
        return self.cloud


def _try_to_end(end: Callable[[], None]) -> bool:
    """False where the thing to end is unknown to the cloud. Raises CloudError for any other refusal."""
    try:
        end()
    except CloudError as error:
        if error.code in _UNKNOWN:
            return False
        raise
    return True


def _is_gone(machine: Instance | None) -> bool:
    """SHUTDOWN with nothing going on is Tencent's recycle bin: billed no more, but still there for a while."""
    return machine is None or machine.state == "SHUTDOWN"
