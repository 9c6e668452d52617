"""Who calls and where: keys, roles, region and endpoint, taken from where the official plug-in takes them.

The order is the plug-in's own (`providerConfigure` of its Terraform provider): keys of the configuration, then of the
environment, then, where there are none at all, of tccli's profile; over them the CAM role of the machine, then the
roles to assume that the profile, the environment and the configuration name, one after the other. So the plug-in and
this program always act as the same caller; what only the plug-in can do is refused by name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tencent.home import home_folder
from words import phrase

DEFAULT_SECONDS = 7200
#: `true` where the local cloud's stand-in takes the official plug-in's place.
STAND_IN_VARIABLE = "CHATGLM_STAND_IN"

#: Ways to log in that the plug-in has and this program has not.
_ONLY_THE_PLUGIN = (
    "tencentcloud:assumeRoleWithSaml",
    "tencentcloud:assumeRoleWithWebIdentity",
    "tencentcloud:mfaCertification",
    "tencentcloud:enablePodOidc",
    "TENCENTCLOUD_ASSUME_ROLE_SAML_ASSERTION",
    "TENCENTCLOUD_ASSUME_ROLE_WEB_IDENTITY_TOKEN",
    "TENCENTCLOUD_MFA_CERTIFICATION_SERIAL_NUMBER",
)


class AccessError(Exception):
    """The way to log in cannot be used; the text names each setting, the rule, and what to do."""


@dataclass(frozen=True)
class AssumedRole:
    """A role to take on (AssumeRole of sts): `seconds` is how long its keys last."""

    arn: str
    session: str
    seconds: int = DEFAULT_SECONDS
    policy: str = ""
    external_id: str = ""
    source_identity: str = ""
    serial_number: str = ""
    token_code: str = field(default="", repr=False)

    def request(self) -> dict[str, Any]:
        """The parameters of AssumeRole. A policy is sent percent-encoded (`SafeQuote` of the API's text)."""
        from urllib.parse import quote_plus

        given = {
            "Policy": quote_plus(self.policy) if self.policy else "",
            "ExternalId": self.external_id,
            "SourceIdentity": self.source_identity,
            "SerialNumber": self.serial_number,
            "TokenCode": self.token_code,
        }
        needed = {"RoleArn": self.arn, "RoleSessionName": self.session, "DurationSeconds": self.seconds}
        return {**needed, **{name: value for name, value in given.items() if value}}


@dataclass(frozen=True)
class Access:
    """Keys and endpoint. `cam_role` replaces the keys by those of the machine's role, `roles` are then taken on."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False)
    region: str
    protocol: str
    domain: str
    cam_role: str = ""
    roles: tuple[AssumedRole, ...] = ()

    @property
    def has_keys(self) -> bool:
        return bool(self.cam_role or (self.secret_id and self.secret_key))

    @classmethod
    def read(cls, config: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Access:
        """Read `tencentcloud:` configuration, TENCENTCLOUD_* variables and tccli's profile, as the plug-in does.

        Raises AccessError for roles that cannot be read.
        """

        def value(key: str, default: str = "") -> str:
            return config.get(f"tencentcloud:{key}") or environment.get(_variable(key)) or default

        secret_id, secret_key, token = value("secretId"), value("secretKey"), value("securityToken")
        region = value("region")
        profile: dict[str, str] = {}
        if not (secret_id or secret_key or token):
            profile = _read_profile(value("profile", "default"), value("sharedCredentialsDir"))
            secret_id, secret_key, token = (profile.get(name, "") for name in ("secretId", "secretKey", "token"))
            region = region or profile.get("region", "")
        return cls(
            secret_id,
            secret_key,
            token,
            region or "ap-guangzhou",
            value("protocol", "HTTPS"),
            value("domain", "tencentcloudapi.com"),
            value("camRoleName"),
            tuple(_roles(config, environment, profile)),
        )

    @classmethod
    def find(cls, config: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> Access | None:
        """As `read`; None without keys. Raises AccessError for whatever plug-in and program would take differently."""
        found = cls.read(config, environment)
        mistakes = [
            phrase(
                "{name}: the plug-in takes it, but this program's own calls cannot, so the two would "
                "act as different callers. Remove it, and give temporary keys instead "
                "(TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY and TENCENTCLOUD_SECURITY_TOKEN), "
                "a role (tencentcloud:assumeRole) or a profile (tencentcloud:profile).",
                name=name,
            )
            for name in _ONLY_THE_PLUGIN
            if config.get(name) or environment.get(name)
        ]
        for name, missing in (("ARN", "SESSION_NAME"), ("SESSION_NAME", "ARN")):
            given, absent = f"TENCENTCLOUD_ASSUME_ROLE_{name}", f"TENCENTCLOUD_ASSUME_ROLE_{missing}"
            if environment.get(given) and not environment.get(absent):
                mistakes.append(
                    phrase(
                        "{given} is set without {absent}: the plug-in would pass the role over. Set both.",
                        given=given,
                        absent=absent,
                    )
                )
        if mistakes:
            raise AccessError("\n".join(mistakes))
        return found if found.has_keys else None


def find_region(config: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> str:
    """The region as the plug-in would choose it."""
    return Access.read(config, environment).region


def find_patience(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds for which a call is repeated: half a minute, or less where the plug-in's own patience is shorter."""
    minutes = environment.get("TENCENTCLOUD_READ_RETRY_TIMEOUT", "")
    return min(30.0, int(minutes) * 60.0) if minutes.isdecimal() else 30.0


def _variable(key: str) -> str:
    return "TENCENTCLOUD_" + "".join(f"_{c}" if c.isupper() else c for c in key).upper()


def _roles(config: Mapping[str, str], environment: Mapping[str, str], profile: Mapping[str, str]) -> list[AssumedRole]:
    roles = []
    if profile.get("role-arn") and profile.get("role-session-name"):
        roles.append(AssumedRole(profile["role-arn"], profile["role-session-name"]))

    def variable(name: str) -> str:
        return environment.get(f"TENCENTCLOUD_ASSUME_ROLE_{name}", "")

    if variable("ARN") and variable("SESSION_NAME"):
        roles.append(
            AssumedRole(
                variable("ARN"),
                variable("SESSION_NAME"),
                _seconds("TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION", variable("SESSION_DURATION")),
                external_id=variable("EXTERNAL_ID"),
                source_identity=variable("SOURCE_IDENTITY"),
                serial_number=variable("SERIAL_NUMBER"),
                token_code=variable("TOKEN_CODE"),
            )
        )
    if given := config.get("tencentcloud:assumeRole"):
        roles.append(_configured_role(given))
    return roles


def _configured_role(text: str) -> AssumedRole:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in ("roleArn", "sessionName")):
        raise AccessError(
            phrase(
                "tencentcloud:assumeRole: it needs roleArn, sessionName and sessionDuration. Set "
                "each with: pulumi config set --path tencentcloud:assumeRole.roleArn "
                "qcs::cam::uin/...:roleName/..."
            )
        )
    return AssumedRole(
        found["roleArn"],
        found["sessionName"],
        _seconds("tencentcloud:assumeRole.sessionDuration", str(found.get("sessionDuration") or "")),
        **{
            name: str(found.get(key) or "")
            for name, key in (
                ("policy", "policy"),
                ("external_id", "externalId"),
                ("source_identity", "sourceIdentity"),
                ("serial_number", "serialNumber"),
                ("token_code", "tokenCode"),
            )
        },
    )


def _seconds(name: str, text: str) -> int:
    if not text:
        return DEFAULT_SECONDS
    if not text.isdecimal():
        raise AccessError(
            phrase("{name} is {text!r}: it must be a whole number of seconds, such as 7200.", name=name, text=text)
        )
    return int(text) or DEFAULT_SECONDS


def _read_profile(name: str, folder: str) -> dict[str, str]:
    """Texts of tccli's profile files: the keys and roles of `.credential`, the region of `.configure`."""
    place = Path(folder).expanduser() if folder else home_folder() / ".tccli"
    found: dict[str, str] = {}
    credential, configure = (_read_json(place / f"{name}.{suffix}") for suffix in ("credential", "configure"))
    found |= {key: value.strip() for key, value in credential.items() if isinstance(value, str)}
    region = (configure.get("_sys_param") or {}).get("region")
    if isinstance(region, str):
        found["region"] = region.strip()
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise AccessError(
            phrase("{path} cannot be read ({error}). Write it anew with: tccli configure", path=path, error=error)
        ) from error
    return document if isinstance(document, dict) else {}
