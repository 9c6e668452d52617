"""Tencent's error codes in plain words: what happened and what to do.

The codes are those of the CVM API's error list and of the common list (product document 1140/51177).
"""

from __future__ import annotations

_SOLD_OUT = ("the GPU type has no stock there now", "add zones with chatglm:zones, choose another type, or try later")
_ZONE_SOLD_OUT = ("the zone is sold out", "add other zones with chatglm:zones, or try later")
_DISK_SOLD_OUT = (
    "the disk type cannot be had in the zone",
    "set chatglm:systemDiskType to CLOUD_PREMIUM, CLOUD_BSSD or CLOUD_HSSD",
)
_KEYS = ("the key id or the key is wrong", "check TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY")
_IMAGE = ("the image does not fit or is gone", "check its id, its region and the instance type")
_STATE = ("the machine is in the wrong state for this", "wait until it has settled, then run the same command again")
_BUSY = ("another task is running on it", "wait a few minutes, then run the same command again")
_POLICY = ("the key's CAM policy lacks this action, or MFA is due", "grant the action, or renew the login")
_QUOTA = ("a quota of instances is used up", "release others, or ask Tencent for more")

#: Code, or code up to the dot, to (meaning, advice). The longer match wins.
ADVICE: dict[str, tuple[str, str]] = {
    "ResourceInsufficient.SpecifiedInstanceType": _SOLD_OUT,
    "ResourcesSoldOut.SpecifiedInstanceType": _SOLD_OUT,
    "ResourceUnavailable.InstanceType": _SOLD_OUT,
    "ResourceInsufficient.ZoneSoldOutForSpecifiedInstance": _ZONE_SOLD_OUT,
    "ResourceInsufficient.AvailabilityZoneSoldOut": _ZONE_SOLD_OUT,
    "ResourcesSoldOut.AvailableZone": _ZONE_SOLD_OUT,
    "InvalidParameterValue.ZoneNotSupported": ("the zone cannot be used", "choose another with chatglm:zones"),
    "ResourceInsufficient.CloudDiskSoldOut": _DISK_SOLD_OUT,
    "ResourceInsufficient.CloudDiskUnavailable": _DISK_SOLD_OUT,
    "InvalidParameter.InvalidCloudDiskSoldOut": _DISK_SOLD_OUT,
    "ResourceNotFound.InvalidZoneInstanceType": ("the type is not offered in the zone", "correct the pair"),
    "InvalidParameterValue.InstanceTypeNotFound": ("the type is not offered in the zone", "correct the pair"),
    "InvalidInstanceType.Malformed": ("there is no such instance type", "correct chatglm:instanceType"),
    "InvalidParameterValue.InsufficientPrice": (
        "the bid is below the market price",
        "raise chatglm:spotMaxPrice, or remove it to pay the market price",
    ),
    "InvalidParameterValue.InsufficientOffering": ("no capacity for this bid", "try later or in another zone"),
    "LimitExceeded.SpotQuota": ("the quota of spot vCPUs in the zone is used up (50 by default)", _QUOTA[1]),
    "LimitExceeded.UserSpotQuota": ("the quota of spot vCPUs is used up (50 a zone by default)", _QUOTA[1]),
    "LimitExceeded.CvmInstanceQuota": _QUOTA,
    "LimitExceeded.InstanceQuota": _QUOTA,
    "InstancesQuotaLimitExceeded": _QUOTA,
    "UnsupportedOperation.NoInstanceTypeSupportSpot": (
        "this type is not sold as spot",
        "set chatglm:chargeType hourly, or choose another type",
    ),
    "UnsupportedOperation.SpotUnsupportedRegion": (
        "this region sells no spot machines",
        "set chatglm:chargeType hourly, or choose another region",
    ),
    "InvalidParameterValue.InvalidImageForGivenInstanceType": _IMAGE,
    "InvalidParameterValue.InvalidImageId": _IMAGE,
    "InvalidImageId": _IMAGE,
    "InvalidParameterValue.InvalidUserDataFormat": ("the user data is too long or not base64", "shorten it"),
    "InvalidParameterValue.InvalidPassword": ("the password breaks Tencent's rules", "set chatglm:adminPassword anew"),
    "InvalidParameterValue.SubnetIdZoneIdNotMatch": ("the subnet lies in another zone", "run pulumi up again"),
    "InvalidAccount.InsufficientBalance": (
        "the balance does not cover the hour that Tencent freezes at purchase",
        "top up the account, then run the same command again",
    ),
    "InvalidAccount.UnpaidOrder": ("an order is unpaid", "pay or cancel it in the console"),
    "AccountQualificationRestrictions": ("the account has no real-name verification", "verify it in the console"),
    "AuthFailure.SecretIdNotFound": _KEYS,
    "AuthFailure.InvalidSecretId": _KEYS,
    "AuthFailure.SignatureFailure": _KEYS,
    "AuthFailure.SignatureExpire": ("this computer's clock is off by more than five minutes", "set the clock"),
    "AuthFailure.TokenFailure": ("the temporary keys have expired", "renew them"),
    "AuthFailure.UnauthorizedOperation": _POLICY,
    "UnauthorizedOperation": _POLICY,
    "InvalidInstanceId.NotFound": ("the machine is gone (reclaimed or terminated)", "run pulumi up again"),
    "InvalidInstance.NotSupported": ("this cannot be done with a spot machine", "park and restore instead"),
    "UnsupportedOperation.InstanceChargeType": ("this cannot be done with a spot machine", "park and restore instead"),
    "UnsupportedOperation.StoppedModeStopCharging": ("spot machines cost money when shut down too", "park instead"),
    "UnsupportedOperation.InstancesProtected": ("termination protection is on", "switch it off in the console"),
    "UnsupportedOperation.InstanceState": _STATE,
    "OperationDenied.InstanceOperationInProgress": _BUSY,
    "MutexOperation.TaskRunning": _BUSY,
    "ImageQuotaLimitExceeded": (
        "the region holds as many custom images as the account may have",
        "delete images that you do not need, with their snapshots",
    ),
    "FailedOperation.InquiryPriceFailed": ("the price could not be computed", "try again; check type and zone"),
    "RequestLimitExceeded": ("too many calls in a short time", "wait a minute"),
    "ClientNetworkError": ("Tencent Cloud could not be reached", "check the network and HTTP_PROXY"),
}


class CloudError(Exception):
    """A call was refused or failed: words first, then Tencent's code and request id. `reason` is the short form."""

    def __init__(self, action: str, code: str, message: str, request_id: str | None = None) -> None:
        self.action = action
        self.code = code
        meaning, advice = explain(code)
        words = f"{meaning}; {advice}" if meaning else message.rstrip(".")
        self.reason = f"{words[:1].upper()}{words[1:]} ({code})."
        told = f"{message.rstrip('.')}, request {request_id}" if request_id else message.rstrip(".")
        super().__init__(f"{action}: {words} ({code}: {told}).")


def explain(code: str) -> tuple[str, str]:
    """Meaning and advice for a code; two empty texts for one that is not in the list."""
    matches = [known for known in ADVICE if code == known or code.startswith((f"{known}.", known))]
    return ADVICE[max(matches, key=len)] if matches else ("", "")
