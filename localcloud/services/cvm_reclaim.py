"""Reclaim: Tencent takes a spot machine back."""

from __future__ import annotations

from localcloud.cloud import Cloud, transition
from localcloud.errors import ApiError
from localcloud.services.cvm_images import fail_image
from localcloud.services.cvm_instances import STATE_CODES, terminate


def reclaim(cloud: Cloud, instance_id: str, notice_seconds: float, at: float) -> None:
    """Take a spot machine back: its meta-data tell the time, and then it is gone with its disk.

    Raises ApiError for an unknown machine or one that is not spot.
    """
    instance = cloud.db.instances.get(instance_id)
    if instance is None:
        raise ApiError("InvalidInstanceId.NotFound", f"The machine {instance_id} does not exist.")
    if instance.charge_type != "SPOTPAID":
        raise ApiError("InvalidInstance.NotSupported", f"{instance_id} is not a spot machine.")
    if instance.state in ("TERMINATING", "SHUTDOWN"):
        raise ApiError(STATE_CODES[instance.state], f"{instance_id} is {instance.state} already.")
    cloud.db.instances.change(instance_id, termination_time=at + notice_seconds)
    cloud.schedule("instance-reclaimed", instance_id, at, notice_seconds)


@transition("instance-reclaimed")
def _reclaimed(cloud: Cloud, instance_id: str, at: float) -> None:
    instance = cloud.db.instances[instance_id]
    if instance.busy_with:
        # Two minutes do not fit an image; what was not NORMAL when the disk went never becomes it.
        fail_image(cloud, instance.busy_with)
    terminate(cloud, instance, at)
