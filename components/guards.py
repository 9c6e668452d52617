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

from components.claim import demand_own_machine, own_images
from components.images import made_of_itself, newest, proves
from components.settings import Settings
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.facts import TAG_OWNER, TAG_STACK, Facts, Image, Instance
from tencent.own_park import await_own_park
from tencent.ownership import RELEASED, Bond, Owner, machine_bond
from tencent.pace import poll_seconds
from tencent.power import Power, PowerError
from words import later, phrase

#: An image may take an hour (the plug-in's own limit); a termination a quarter of one.
_IMAGE_PATIENCE = timedelta(minutes=75)
_TERMINATION_PATIENCE = timedelta(minutes=15)
#: How long the cloud may go on showing what it just called unknown.
_VANISHING_PATIENCE = timedelta(minutes=1)

_AGAIN = later("The next pulumi up tries again.")

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
    owner: Owner
    settings: Settings
    declared: Sequence[int] = ()  # generations that the program declares: these end only with the stack
    outdated: Sequence[str] = ()  # images that are no proof, since their machine went on running
    staying: str = ""  # the machine that goes on running: images that it made of itself are its own guard's
    poll_seconds: float = field(default_factory=lambda: poll_seconds(2.0))
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    log: Callable[[str], None] = pulumi.log.info
    warn: Callable[[str], None] = pulumi.log.warn
    #: Several hooks may retire images at once; one after the other, none trips over what another deletes.
    _retiring: threading.Lock = field(default_factory=threading.Lock)
    _told: set[str] = field(default_factory=set)  # images of which was said already that they could not be deleted

    def end_machine(self, instance_id: str) -> None:
        """Terminate a machine once its last state is safe, and then the images that it makes superfluous.

        Raises RefusedError without proof, NotOwnerError where it is another's, CloudError otherwise.
        """
        cloud = self._require_cloud()
        machine = cloud.instance(instance_id)
        if machine is not None and machine.state != "TERMINATING":
            self._end(cloud, machine)
        if self.settings.state == "parked":
            # An image that was still being made when the captures were planned is the newest only now.
            self.retire_superseded()

    def _end(self, cloud: Cloud, machine: Instance) -> None:
        if machine.alive:
            demand_own_machine(self.owner, machine)
        if machine.alive and not self.settings.discard:
            self._demand_proof(cloud, machine)
        self.log(phrase("Terminating {machine_id}.", machine_id=machine.id))
        known = _try_to_end(lambda: cloud.terminate(machine.id))
        patience = _TERMINATION_PATIENCE if known else _VANISHING_PATIENCE
        self._wait(
            phrase("{machine_id} to end", machine_id=machine.id), patience, lambda: _is_gone(cloud.instance(machine.id))
        )

    def _demand_proof(self, cloud: Cloud, machine: Instance) -> None:
        def find_proof() -> Image | None:
            facts = Facts(now=self.now())
            own = [i for i in self._images(cloud) if i.machine_id == machine.id and i.id not in self.outdated]
            proof = newest(image for image in own if proves(image, machine, facts))
            making = (image for image in own if image.state == "CREATING" and not image.is_stuck(facts.now))
            if proof is None and next(making, None) is None:
                raise RefusedError(
                    phrase(
                        "{machine_id} was not terminated: no NORMAL image of its present state exists, so "
                        "its work would be lost. Park it first (pulumi config set chatglm:state parked; "
                        "pulumi up). To throw its work away: pulumi config set chatglm:discard true.",
                        machine_id=machine.id,
                    )
                )
            return proof

        self._wait(
            phrase("the image of {machine_id} to become NORMAL", machine_id=machine.id),
            _IMAGE_PATIENCE,
            lambda: find_proof() is not None,
        )

    def retire_capture(self, resource_name: str) -> None:
        """A capture leaves the state: superseded; with the whole stack, `end_stack` decides."""
        if int(resource_name.rpartition("-")[2]) not in self.declared:
            self.retire_superseded()

    def retire_superseded(self) -> None:
        """Delete the stack's older images, whether or not Pulumi's state holds them.

        Housekeeping: what cannot be deleted is told, and stands in nothing's way.
        """
        with self._retiring:
            self._retire(self._require_cloud())

    def _retire(self, cloud: Cloud) -> None:
        try:
            superfluous = self._superfluous(cloud, self.settings.keep_images)
        except CloudError as error:
            self.warn(
                phrase(
                    "Older images could not be looked for; they cost money. {reason} {again}",
                    reason=error.reason,
                    again=phrase(_AGAIN),
                )
            )
            return
        for image in superfluous:
            try:
                self._delete_image(cloud, image)
            except (CloudError, RefusedError) as error:
                self._tell_leftover(image, error)

    def _tell_leftover(self, image: Image, error: CloudError | RefusedError) -> None:
        if image.id in self._told:
            return
        self._told.add(image.id)
        reason = error.reason if isinstance(error, CloudError) else str(error)
        self.warn(
            phrase(
                "The older image {image} ({image_id}) is left over and costs money. {reason} {again}",
                image=image.name,
                image_id=image.id,
                reason=reason,
                again=phrase(_AGAIN),
            )
        )

    def end_stack(self) -> None:
        """The stack is being destroyed, its machine has ended: drop its images, or let the newest go for the next `up`.

        Raises CloudError when one that is to go cannot be deleted, so that the same command tries again.
        """
        with self._retiring:
            cloud = self._require_cloud()
            if not self.settings.keep_image:
                for image in self._superfluous(cloud, keep=0):
                    self._delete_image(cloud, image)
                return
            self._retire(cloud)
            for image in self._images(cloud):
                self._release(cloud, image)

    def _release(self, cloud: Cloud, image: Image) -> None:
        """Let the image go for the next `up` of this name, and say where it lies: no state names it any more."""
        place = self._account(cloud) + phrase("region {region}", region=cloud.region)
        where = phrase(
            "The image {image} ({image_id}) stays, and costs money, in {place}",
            image=image.name,
            image_id=image.id,
            place=place,
        )
        try:
            cloud.mark("image", image.id, {TAG_OWNER: RELEASED, TAG_STACK: self.owner.stack_id})
        except CloudError as error:
            self.warn(
                phrase(
                    "{where}. It could not be released: {reason} The next pulumi up restores from it after: "
                    "pulumi config set chatglm:adopt {owner}",
                    where=where,
                    reason=error.reason,
                    owner=image.owner or image.id,
                )
            )
            return
        self.log(
            phrase("{where}: the next pulumi up there restores from it. What else is left: chatglm cost.", where=where)
        )

    @staticmethod
    def _account(cloud: Cloud) -> str:
        try:
            return phrase("the account {account_id}, ", account_id=cloud.account_id())
        except CloudError:
            return ""

    def _images(self, cloud: Cloud) -> list[Image]:
        found = own_images(self.owner, cloud.custom_images())
        return sorted(found, key=lambda image: image.created, reverse=True)

    def _superfluous(self, cloud: Cloud, keep: int) -> list[Image]:
        """The stack's own images but the newest NORMAL ones, and but the one that a restore is pinned to."""
        images = self._images(cloud)
        usable = [image for image in images if image.usable and not made_of_itself(image, self.staying)]
        failed = [image for image in images if image.state == "CREATEFAILED"]
        pinned = self.settings.restore_image_id if keep else ""
        return [image for image in (*usable[keep:], *failed) if image.id != pinned]

    def _delete_image(self, cloud: Cloud, image: Image) -> None:
        self.log(
            phrase("Deleting the image {image} ({image_id}) with its snapshots.", image=image.name, image_id=image.id)
        )
        known = _try_to_end(lambda: cloud.delete_image(image))
        patience = _TERMINATION_PATIENCE if known else _VANISHING_PATIENCE
        self._wait(
            phrase("{image_id} to be deleted", image_id=image.id), patience, lambda: cloud.image(image.id) is None
        )
        if left := cloud.snapshots(image.snapshot_ids):
            cloud.delete_snapshots(left)

    def end_strays(self, subnet_id: str = "") -> None:
        """The network is being deleted, and the machines that the state holds have ended: end any other in it.

        An update that was cut off can have launched a machine that no resource stands for. Raises as `end_machine`.
        """
        vpc_id = self.owner.vpc_id
        for machine in self._require_cloud().seen_machines((), vpc_id):
            inside = machine.subnet_id == subnet_id if subnet_id else bool(vpc_id) and machine.vpc_id == vpc_id
            own = machine_bond(self.owner, machine) is Bond.OWN
            if machine.alive and (inside or (own and not subnet_id)):
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

        self._wait(phrase("{group_id} to be free of machines", group_id=group_id), _TERMINATION_PATIENCE, try_to_delete)

    def settle_machine(self, instance_id: str) -> None:
        """Wait until the machine can be captured. Raises RefusedError where it hangs between two states, or has ended.

        A machine that is parking itself is waited for: two images of one machine at once cannot be made.
        """
        cloud = self._require_cloud()
        try:
            await_own_park(cloud, instance_id, self.log, self.poll_seconds, clock=self.clock, sleep=self.sleep)
            found = Power(cloud, self.log, self.poll_seconds, self.clock, self.sleep).settle(instance_id)
        except PowerError as error:
            raise RefusedError(str(error)) from None
        if found is None or not found.alive:
            raise RefusedError(
                phrase(
                    "{instance_id} has ended meanwhile (it parked itself, or was reclaimed): there is "
                    "nothing to capture. Run the same command again: it takes over the image that there "
                    "is.",
                    instance_id=instance_id,
                )
            )

    def demand_image_quota(self) -> None:
        """Raise RefusedError where the account can hold no further image, naming those that it has, oldest first."""
        cloud = self._require_cloud()
        try:
            quota, images = cloud.image_quota(), cloud.custom_images()
        except CloudError:
            return  # CreateImage itself will tell
        if len(images) < quota:
            return
        listed = "; ".join(
            phrase(
                "{image} ({image_id}, of {created:%Y-%m-%d %H:%M} UTC, {size} GB)",
                image=image.name,
                image_id=image.id,
                created=image.created,
                size=image.size_gb,
            )
            for image in sorted(images, key=lambda image: image.created)
        )
        raise RefusedError(
            phrase(
                "The region holds {count} custom images, and the account may have {quota}: no image "
                "of the machine can be made, so it stays. Delete one that you do not need, with its "
                "snapshots, in the console, or lower chatglm:keepImages. Oldest first: {listed}.",
                count=len(images),
                quota=quota,
                listed=listed,
            )
        )

    def clear_subnets(self, vpc_id: str, name: str, cidr: str = "") -> None:
        """Delete subnets of the stack's own VPC that no resource stands for: all, or those of one range.

        The answer to the call that made one was lost. It costs nothing, but while it is there no other subnet of
        its range can be made, and the VPC cannot be deleted. One that is in use cannot be deleted either.
        """
        cloud = self._require_cloud()
        for subnet in cloud.subnets(vpc_id, name):
            if not cidr or subnet.cidr == cidr:
                self.log(phrase("Deleting the subnet {subnet_id}: a lost answer left it behind.", subnet_id=subnet.id))
                cloud.delete_subnet(subnet.id)

    def _wait(self, what: str, patience: timedelta, done: Callable[[], bool]) -> None:
        end = self.clock() + patience.total_seconds()
        while not done():
            if self.clock() > end:
                raise RefusedError(
                    phrase(
                        "Waited {patience} for {what}, in vain. Run the same command again to go on.",
                        patience=patience,
                        what=what,
                    )
                )
            self.sleep(self.poll_seconds)

    def _require_cloud(self) -> Cloud:
        if self.cloud is None:
            raise RefusedError(
                phrase(
                    "Nothing can be proved, so nothing is deleted: no keys of Tencent Cloud were found. "
                    "Set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY."
                )
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
