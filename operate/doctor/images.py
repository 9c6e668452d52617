"""Images: what a launch would start from, and the room for the one that a park makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.images import newest
from components.settings import Settings
from operate.doctor.answers import Answers
from operate.findings import Finding, failure, ok, refused, warning
from tencent.errors import CloudError
from words import phrase


def check_source(settings: Settings, answers: Answers, runs: Mapping[str, CloudError | None]) -> Finding:
    """The image that a launch would start from."""
    unfit = [one for one in runs.values() if one and "ImageId" in one.code]
    if unfit:
        return refused("image", unfit[0])
    captured = newest(one for one in answers.images if one.usable)
    if captured:
        too_small = captured.size_gb > settings.system_disk_gb
        text = phrase(
            "The next launch restores {captured} ({captured_id}, {size_gb} GB).",
            captured=captured.name,
            captured_id=captured.id,
            size_gb=captured.size_gb,
        )
        if too_small:
            return failure(
                "image",
                text,
                phrase(
                    "Set chatglm:systemDiskGb to {size_gb} or more; a disk cannot be smaller.", size_gb=captured.size_gb
                ),
            )
        return ok("image", text)
    if settings.image_id:
        return ok("image", phrase("The first launch uses {image_id}.", image_id=settings.image_id))
    if found := answers.get("public image"):
        return ok("image", phrase("The first launch uses the public image {found}.", found=found))
    return failure(
        "image",
        phrase("No public image matches {image_name!r}.", image_name=settings.image_name),
        phrase("Name one with chatglm:imageId or chatglm:imageName."),
    )


def check_image_quota(answers: Answers) -> Finding:
    quota, used = answers.get("image quota"), answers.get("all images")
    if quota is None or used is None:
        return warning("image quota", phrase("Unknown: it could not be looked up."), phrase("Try again."))
    text = phrase(
        "{used} of {quota} custom images of the region are used; a park makes one before it deletes one.",
        used=used,
        quota=quota,
    )
    if used >= quota:
        return failure(
            "image quota", text, phrase("Delete images that you do not need, with their snapshots, before you park.")
        )
    return ok("image quota", text)


def check_snapshots(region: str, answers: Answers) -> Finding:
    overview: Mapping[str, Any] | None = answers.get("snapshots")
    if overview is None:
        return warning(
            "free snapshots", phrase("Unknown: it could not be looked up."), phrase("Images are billed as snapshots.")
        )
    free, total, billed = (overview.get(key) for key in ("FreeQuota", "TotalSize", "RealTradeSize"))
    if free is None:
        return warning(
            "free snapshots", phrase("Tencent names no free amount."), phrase("Count on paying for the whole image.")
        )
    text = phrase(
        "{free:g} GB of snapshots are free in {region}; {total:g} GB are stored, {billed:g} GB billed.",
        free=free,
        region=region,
        total=total,
        billed=billed,
    )
    return ok("free snapshots", text)
