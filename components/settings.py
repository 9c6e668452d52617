"""Typed settings of a stack: every key of `Pulumi.yaml`, checked before any cloud call."""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from components import rules
from components.mistakes import Mistake, SettingsError, rule_broken

PROJECT = "chatglm"

#: The public image, whichever language Tencent answers in: the public image list says
#: "Windows Server 2022 数据中心版 64位中文版"; "Windows Server 2022 DataCenter 64bit CN" was seen too.
WINDOWS_2022_CHINESE = r"windows server 2022.*(数据中心版|data ?center).*64.*(中文|CN)"


def _check_secret(check: Callable[[str], str]) -> AfterValidator:
    def validate(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return AfterValidator(validate)


class Settings(BaseModel):
    """What a stack's config says. Keys are in camel case under `chatglm:`."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    state: Literal["running", "parked"] = "running"
    zones: Annotated[tuple[str, ...], AfterValidator(rules.check_zones)] = ()
    instance_type: Annotated[str, AfterValidator(rules.check_instance_type)] = "GN7.2XLARGE32"
    charge_type: Literal["spot", "hourly"] = "spot"
    spot_max_price: Annotated[str, AfterValidator(rules.check_price)] = ""
    system_disk_gb: int = Field(default=75, ge=50, le=2048)
    system_disk_type: Literal["CLOUD_SSD", "CLOUD_PREMIUM", "CLOUD_BSSD", "CLOUD_HSSD"] = "CLOUD_SSD"
    image_id: str = Field(default="", pattern=r"^(img-[a-z0-9]+)?$")
    image_name: Annotated[str, AfterValidator(rules.check_pattern)] = WINDOWS_2022_CHINESE
    hostname: Annotated[str, AfterValidator(rules.check_hostname)] = "chatglm"
    admin_password: Annotated[SecretStr, _check_secret(rules.check_password)] = Field(
        default=SecretStr(""), validate_default=True
    )
    open_to_the_world: bool = False
    operator_cidrs: tuple[str, ...] = (rules.MY_PUBLIC_IP,)
    bandwidth_mbps: int = Field(default=100, ge=1, le=100)
    demo_port: Annotated[int, AfterValidator(rules.check_demo_port)] = 7860
    demo_user: str = Field(default="chatglm", pattern=r"^[A-Za-z0-9_.-]{1,32}$")
    demo_password: SecretStr = SecretStr("")
    keep_image: bool = True
    keep_images: int = Field(default=1, ge=1, le=10)
    discard: bool = False
    restore_image_id: str = Field(default="", pattern=r"^(img-[a-z0-9]+)?$")
    tags: Annotated[dict[str, str], AfterValidator(rules.check_tags)] = Field(default_factory=dict)

    @field_validator("operator_cidrs")
    @classmethod
    def _cidrs(cls, cidrs: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return rules.check_cidrs(cidrs, open_to_the_world=bool(info.data.get("open_to_the_world")))

    @field_validator("demo_password")
    @classmethod
    def _demo_password(cls, password: SecretStr) -> SecretStr:
        text = password.get_secret_value()
        if text and (not 8 <= len(text) <= 64 or not text.isprintable()):
            raise rule_broken(
                "the demo's password has 8 to 64 printable characters.",
                "Set it with: pulumi config set --secret chatglm:demoPassword '...', or leave it out: one is made.",
            )
        return password

    @field_validator("spot_max_price")
    @classmethod
    def _bid(cls, bid: str, info: ValidationInfo) -> str:
        if bid and info.data.get("charge_type") == "hourly":
            raise rule_broken("a bid has no meaning with chatglm:chargeType hourly.", "Remove one of the two.")
        return bid

    @property
    def instance_charge_type(self) -> str:
        """Tencent's word for the way of paying."""
        return "SPOTPAID" if self.charge_type == "spot" else "POSTPAID_BY_HOUR"

    def login_password(self, stack: str) -> str:
        """The demo's password: the one that was set, else one made from adminPassword.

        The demo speaks plain HTTP, so Administrator's own password must not serve here; scrypt keeps that
        one safe even from somebody who reads the demo's.
        """
        if chosen := self.demo_password.get_secret_value():
            return chosen
        secret = self.admin_password.get_secret_value().encode()
        made = hashlib.scrypt(secret, salt=f"demo of {stack}".encode(), n=2**14, r=8, p=1, dklen=15)
        return base64.b32encode(made).decode().lower()


def load_settings(values: Mapping[str, str]) -> Settings:
    """Settings from a stack's config values, keyed `chatglm:key` (other namespaces are passed over).

    Raises SettingsError that lists every mistake.
    """
    prefix = f"{PROJECT}:"
    given = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    fields = {info.alias or name: info.annotation for name, info in Settings.model_fields.items()}
    decoded = {key: _decode(value, fields.get(key)) for key, value in given.items()}
    try:
        return Settings.model_validate(decoded)
    except ValidationError as error:
        raise SettingsError(_mistake(detail, list(fields)) for detail in error.errors()) from None


def _decode(value: str, annotation: Any) -> Any:
    """Lists and maps reach the program as JSON text; an empty list is written as an empty text too."""
    if annotation is str or annotation is SecretStr:
        return value
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, list | dict | bool) else value


def _mistake(detail: ErrorDetails, known: list[str]) -> Mistake:
    key = str(detail["loc"][0])
    name = f"{PROJECT}:{key}"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, known, n=1)
        fix = f"Did you mean {PROJECT}:{near[0]}?" if near else f"Known keys: {', '.join(sorted(known))}."
        return Mistake(name, None, "there is no such setting.", fix)
    context = detail.get("ctx", {})
    given = detail["input"]
    secret = "password" in key.lower() or isinstance(given, SecretStr)
    value = None if secret else given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
    if detail["type"] == "rule":
        return Mistake(name, value, context["rule"], context["fix"])
    return Mistake(name, value, f"{detail['msg']}.", f"Set it with: pulumi config set {name} ...")
