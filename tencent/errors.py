"""Tencent's error codes in plain words: what happened and what to do.

The codes are those of the CVM API's error list and of the common list (product document 1140/51177).
"""

from __future__ import annotations

from words import later, phrase

_SOLD_OUT = (
    later("the GPU type has no stock there now"),
    later("add zones with chatglm:zones, choose another type, or try later"),
)
_ZONE_SOLD_OUT = (later("the zone is sold out"), later("add other zones with chatglm:zones, or try later"))
_DISK_SOLD_OUT = (
    later("the disk type cannot be had in the zone"),
    later("set chatglm:systemDiskType to CLOUD_PREMIUM, CLOUD_BSSD or CLOUD_HSSD"),
)
_KEYS = (later("the key id or the key is wrong"), later("check TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"))
_IMAGE = (later("the image does not fit or is gone"), later("check its id, its region and the instance type"))
_STATE = (
    later("the machine is in the wrong state for this"),
    later("wait until it has settled, then run the same command again"),
)
_BUSY = (later("another task is running on it"), later("wait a few minutes, then run the same command again"))
_POLICY = (
    later("the key's CAM policy lacks this action, or MFA is due"),
    later("grant the action, or renew the login"),
)
_QUOTA = (later("a quota of instances is used up"), later("release others, or ask Tencent for more"))

#: Code, or code up to the dot, to (meaning, advice). The longer match wins.
ADVICE: dict[str, tuple[str, str]] = {
    "ResourceInsufficient.SpecifiedInstanceType": _SOLD_OUT,
    "ResourcesSoldOut.SpecifiedInstanceType": _SOLD_OUT,
    "ResourceUnavailable.InstanceType": _SOLD_OUT,
    "ResourceInsufficient.ZoneSoldOutForSpecifiedInstance": _ZONE_SOLD_OUT,
    "ResourceInsufficient.AvailabilityZoneSoldOut": _ZONE_SOLD_OUT,
    "ResourcesSoldOut.AvailableZone": _ZONE_SOLD_OUT,
    "InvalidParameterValue.ZoneNotSupported": (
        later("the zone cannot be used"),
        later("choose another with chatglm:zones"),
    ),
    "ResourceInsufficient.CloudDiskSoldOut": _DISK_SOLD_OUT,
    "ResourceInsufficient.CloudDiskUnavailable": _DISK_SOLD_OUT,
    "InvalidParameter.InvalidCloudDiskSoldOut": _DISK_SOLD_OUT,
    "ResourceNotFound.InvalidZoneInstanceType": (
        later("the type is not offered in the zone"),
        later("correct the pair"),
    ),
    "InvalidParameterValue.InstanceTypeNotFound": (
        later("the type is not offered in the zone"),
        later("correct the pair"),
    ),
    "InvalidInstanceType.Malformed": (later("there is no such instance type"), later("correct chatglm:instanceType")),
    "InvalidParameterValue.InsufficientPrice": (
        later("the bid is below the market price"),
        later("raise chatglm:spotMaxPrice, or remove it to pay the market price"),
    ),
    "InvalidParameterValue.InsufficientOffering": (
        later("no capacity for this bid"),
        later("try later or in another zone"),
    ),
    "LimitExceeded.SpotQuota": (later("the quota of spot vCPUs in the zone is used up (50 by default)"), _QUOTA[1]),
    "LimitExceeded.UserSpotQuota": (later("the quota of spot vCPUs is used up (50 a zone by default)"), _QUOTA[1]),
    "LimitExceeded.CvmInstanceQuota": _QUOTA,
    "LimitExceeded.InstanceQuota": _QUOTA,
    "InstancesQuotaLimitExceeded": _QUOTA,
    "UnsupportedOperation.NoInstanceTypeSupportSpot": (
        later("this type is not sold as spot"),
        later("set chatglm:chargeType hourly, or choose another type"),
    ),
    "UnsupportedOperation.SpotUnsupportedRegion": (
        later("this region sells no spot machines"),
        later("set chatglm:chargeType hourly, or choose another region"),
    ),
    "InvalidParameterValue.InvalidImageForGivenInstanceType": _IMAGE,
    "InvalidParameterValue.InvalidImageId": _IMAGE,
    "InvalidImageId": _IMAGE,
    "InvalidParameterValue.InvalidUserDataFormat": (
        later("the user data is too long or not base64"),
        later("shorten it"),
    ),
    "InvalidParameterValue.InvalidPassword": (
        later("the password breaks Tencent's rules"),
        later("set chatglm:adminPassword anew"),
    ),
    "InvalidParameterValue.SubnetIdZoneIdNotMatch": (
        later("the subnet lies in another zone"),
        later("run pulumi up again"),
    ),
    "InvalidAccount.InsufficientBalance": (
        later("the balance does not cover the hour that Tencent freezes at purchase"),
        later("top up the account, then run the same command again"),
    ),
    "InvalidAccount.UnpaidOrder": (later("an order is unpaid"), later("pay or cancel it in the console")),
    "AccountQualificationRestrictions": (
        later("the account has no real-name verification"),
        later("verify it in the console"),
    ),
    "AuthFailure.SecretIdNotFound": _KEYS,
    "AuthFailure.InvalidSecretId": _KEYS,
    "AuthFailure.SignatureFailure": _KEYS,
    "AuthFailure.SignatureExpire": (
        later("this computer's clock is off by more than five minutes"),
        later("set the clock"),
    ),
    "AuthFailure.TokenFailure": (later("the temporary keys have expired"), later("renew them")),
    "AuthFailure.UnauthorizedOperation": _POLICY,
    "UnauthorizedOperation": _POLICY,
    "InvalidInstanceId.NotFound": (
        later("the machine is gone (reclaimed or terminated)"),
        later("run pulumi up again"),
    ),
    "InvalidInstance.NotSupported": (
        later("this cannot be done with a spot machine"),
        later("park and restore instead"),
    ),
    "UnsupportedOperation.InstanceChargeType": (
        later("this cannot be done with a spot machine"),
        later("park and restore instead"),
    ),
    "UnsupportedOperation.StoppedModeStopCharging": (
        later("spot machines cost money when shut down too"),
        later("park instead"),
    ),
    "UnsupportedOperation.InstancesProtected": (
        later("termination protection is on"),
        later("switch it off in the console"),
    ),
    "UnsupportedOperation.InstanceState": _STATE,
    "OperationDenied.InstanceOperationInProgress": _BUSY,
    "MutexOperation.TaskRunning": _BUSY,
    "ImageQuotaLimitExceeded": (
        later("the region holds as many custom images as the account may have"),
        later("delete images that you do not need, with their snapshots"),
    ),
    "FailedOperation.InquiryPriceFailed": (
        later("the price could not be computed"),
        later("try again; check type and zone"),
    ),
    "RequestLimitExceeded": (later("too many calls in a short time"), later("wait a minute")),
    "ClientError.MetadataError": (
        later("this computer has no such CAM role"),
        later(
            "set tencentcloud:camRoleName on a machine of Tencent Cloud that carries the role, or remove the setting"
        ),
    ),
    "AuthFailure.CamRoleNameAuthenticateFailed": (
        later("there is no CAM role of this name for machines"),
        later("make one for CVM with the policy that chatglm policy --machine prints, or remove chatglm:camRole"),
    ),
    "ResourceNotFound.RoleNotFound": (
        later("there is no such role to assume"),
        later("check the ARN in tencentcloud:assumeRole or TENCENTCLOUD_ASSUME_ROLE_ARN"),
    ),
    "ClientNetworkError.SocksProxy": (
        later(
            "the proxy that HTTP_PROXY, HTTPS_PROXY or ALL_PROXY names speaks SOCKS, which Python needs a package for"
        ),
        later("pip install PySocks into the program's Python, or name an HTTP proxy"),
    ),
    "ClientNetworkError.ProxyAddress": (
        later("the value of HTTP_PROXY or HTTPS_PROXY is no address of a proxy"),
        later("write it as http://HOST:PORT"),
    ),
    "ClientNetworkError.Proxy": (
        later("the proxy that HTTP_PROXY or HTTPS_PROXY names does not answer, or turns the connection away"),
        later("start it, name another, or take the variable away"),
    ),
    "ClientNetworkError": (later("Tencent Cloud could not be reached"), later("check the network and HTTP_PROXY")),
}


class CloudError(Exception):
    """A call was refused or failed: words first, then Tencent's code and request id. `reason` is the short form."""

    def __init__(self, action: str, code: str, message: str, request_id: str | None = None) -> None:
        self.action = action
        self.code = code
        meaning, advice = explain(code)
        words = phrase("{meaning}; {advice}", meaning=meaning, advice=advice) if meaning else message.rstrip(".")
        self.reason = phrase("{words} ({code}).", words=f"{words[:1].upper()}{words[1:]}", code=code)
        told = (
            phrase("{message}, request {request_id}", message=message.rstrip("."), request_id=request_id)
            if request_id
            else message.rstrip(".")
        )
        super().__init__(
            phrase("{action}: {words} ({code}: {told}).", action=action, words=words, code=code, told=told)
        )


#: Parts of what the SDK's HTTP library says, and the cause that each betrays.
_CAUSES = {
    "Missing dependencies for SOCKS support": "ClientNetworkError.SocksProxy",
    "Unable to determine SOCKS version": "ClientNetworkError.ProxyAddress",
    "Failed to parse": "ClientNetworkError.ProxyAddress",
    "Please check proxy URL": "ClientNetworkError.ProxyAddress",
    "Not supported proxy scheme": "ClientNetworkError.ProxyAddress",
    "Proxy URL had": "ClientNetworkError.ProxyAddress",
    "Unable to connect to proxy', NewConnectionError": "ClientNetworkError.Proxy",
    "Unable to connect to proxy', NameResolutionError": "ClientNetworkError.Proxy",
    "Tunnel connection failed": "ClientNetworkError.Proxy",
}
#: Causes that no repetition of the call takes away.
LASTING = ("ClientNetworkError.SocksProxy", "ClientNetworkError.ProxyAddress")


def name_cause(code: str, message: str) -> str:
    """The code, made more precise where the message of a failed connection betrays the cause."""
    if code != "ClientNetworkError":
        return code
    return next((cause for part, cause in _CAUSES.items() if part in message), code)


def explain(code: str) -> tuple[str, str]:
    """Meaning and advice for a code; two empty texts for one that is not in the list."""
    matches = [known for known in ADVICE if code == known or code.startswith((f"{known}.", known))]
    meaning, advice = ADVICE[max(matches, key=len)] if matches else ("", "")
    return phrase(meaning), phrase(advice)
