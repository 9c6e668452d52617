"""Typed settings of a stack: every key of `Pulumi.yaml`, checked before any cloud call."""

from __future__ import annotations

import base64
import difflib
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails

from components import rules
from components.bootstrap.settings import BootstrapSettings
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


class Settings(BootstrapSettings):
    """What a stack's config says. Keys are in camel case under `chatglm:`; `Pulumi.yaml` is written from here."""

    state: Literal["running", "parked"] = Field(
        default="running",
        description="The one word: running launches or restores the machine, parked saves and ends it.",
    )
    zones: Annotated[tuple[str, ...], AfterValidator(rules.check_zones)] = Field(
        default=(),
        description="Zones to launch in, best first; the first with stock is used, and a living machine keeps its own. "
        "Empty: the zones that are known to sell GN7 in the region.",
    )
    instance_type: Annotated[str, AfterValidator(rules.check_instance_type)] = Field(
        default="GN7.2XLARGE32", description="Instance type with a whole GPU of at least 16 GB."
    )
    charge_type: Literal["spot", "hourly"] = Field(
        default="spot", description="spot is some 80 % cheaper and may be reclaimed at any time; hourly is neither."
    )
    spot_max_price: Annotated[str, AfterValidator(rules.check_price)] = Field(
        default="", description="Highest bid in CNY an hour. Empty: the market price."
    )
    system_disk_gb: int = Field(
        default=75,
        ge=60,
        le=2048,
        description="System disk in GB; 75 leaves 10 GB free. Never smaller than a restored image.",
    )
    system_disk_type: Literal["CLOUD_SSD", "CLOUD_PREMIUM", "CLOUD_BSSD", "CLOUD_HSSD"] = Field(
        default="CLOUD_SSD", description="Kind of the system disk."
    )
    image_id: str = Field(
        default="", pattern=r"^(img-[a-z0-9]+)?$", description="Windows image of a first launch. Empty: see imageName."
    )
    image_name: Annotated[str, AfterValidator(rules.check_pattern)] = Field(
        default=WINDOWS_2022_CHINESE,
        description="Regular expression for the public image of a first launch; the newest that matches is used.",
    )
    hostname: Annotated[str, AfterValidator(rules.check_hostname)] = Field(
        default="chatglm", description="Windows host name; a living machine keeps its own."
    )
    admin_password: Annotated[SecretStr, _check_secret(rules.check_password)] = Field(
        default=SecretStr(""),
        validate_default=True,
        description="Password of Administrator, for the machine's next launch or restore. Set it with --secret.",
    )
    open_to_the_world: bool = Field(default=False, description="Whether operatorCidrs may hold 0.0.0.0/0. Better not.")
    operator_cidrs: tuple[str, ...] = Field(
        default=(rules.MY_PUBLIC_IP,),
        description="IPv4 networks that may reach remote desktop, WinRM and the demo. MY_PUBLIC_IP stands for the "
        "address that Tencent sees this computer come from.",
    )
    bandwidth_mbps: int = Field(
        default=100,
        ge=1,
        le=100,
        description="Ceiling of traffic in Mbit/s. Outbound is billed by GB; inbound is free and gets at least 10.",
    )
    demo_port: Annotated[int, AfterValidator(rules.check_demo_port)] = Field(
        default=7860, description="TCP port of the web demo."
    )
    demo_user: str = Field(
        default="chatglm", pattern=r"^[A-Za-z0-9_.-]{1,32}$", description="Login name of the web demo."
    )
    demo_password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of the web demo. Set it with --secret. Empty: one is made; see the output demoPassword.",
    )
    keep_image: bool = Field(
        default=True, description="Whether pulumi destroy keeps the newest image, for the next pulumi up to restore."
    )
    keep_images: int = Field(default=1, ge=1, le=10, description="How many captures to keep, with their snapshots.")
    discard: bool = Field(
        default=False, description="Whether a machine may end without an image of it. Its work is then lost for good."
    )
    restore_image_id: str = Field(
        default="",
        pattern=r"^(img-[a-z0-9]+)?$",
        description="Image to restore from. Empty: the newest capture of this stack.",
    )
    tags: Annotated[dict[str, str], AfterValidator(rules.check_tags)] = Field(
        default_factory=dict, description="Tags for everything that the stack makes."
    )

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


SECRETS = ("adminPassword", "demoPassword")


def load_settings(values: Mapping[str, str], encrypted: Collection[str]) -> Settings:
    """Settings from a stack's config values, keyed `chatglm:key` (other namespaces are passed over).

    `encrypted` names the keys that the stack holds as secrets. Raises SettingsError that lists every mistake.
    """
    prefix = f"{PROJECT}:"
    given = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    fields = {info.alias or name: info.annotation for name, info in Settings.model_fields.items()}
    decoded = {key: _decode(value, fields.get(key)) for key, value in given.items()}
    mistakes = [_in_clear(key) for key in SECRETS if given.get(key) and prefix + key not in encrypted]
    try:
        settings = Settings.model_validate(decoded)
    except ValidationError as error:
        mistakes += [_mistake(detail, list(fields)) for detail in error.errors()]
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def _in_clear(key: str) -> Mistake:
    name = f"{PROJECT}:{key}"
    rule = "it stands in the stack's file in the clear, for anyone to read."
    return Mistake(name, None, rule, f"Set another one, encrypted: pulumi config set --secret {name} '...'")


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
    key = str(detail["loc"][0]) if detail["loc"] else ""
    name = f"{PROJECT}:{key}" if key else "several settings together"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, known, n=1)
        fix = f"Did you mean {PROJECT}:{near[0]}?" if near else f"Known keys: {', '.join(sorted(known))}."
        return Mistake(name, None, "there is no such setting.", fix)
    context = detail.get("ctx", {})
    given = detail["input"]
    secret = "password" in key.lower() or isinstance(given, SecretStr)
    value = (
        None
        if secret or not key
        else given
        if isinstance(given, str)
        else json.dumps(given, ensure_ascii=False, default=str)
    )
    if detail["type"] == "rule":
        return Mistake(name, value, context["rule"], context["fix"])
    return Mistake(name, value, f"{detail['msg']}.", f"Set it with: pulumi config set {name} ...")
