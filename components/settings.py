"""Typed settings of a stack: every key of `Pulumi.yaml`, checked before any cloud call."""

from __future__ import annotations

import base64
import difflib
import functools
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticKnownError

from components import rules
from components.errors import Mistake, SettingsError, rule_broken
from components.guard_settings import GuardSettings
from components.keys import misspelt
from tencent.firewall import MY_PUBLIC_IP
from words import later, phrase

PROJECT = "chatglm"
#: The form of the settings. Where keys come to mean something else, it gets the next number.
VERSION = 1

#: The public image, whichever language Tencent answers in: the public image list says
#: "Windows Server 2022 数据中心版 64位中文版"; "Windows Server 2022 DataCenter 64bit CN" was seen too.
WINDOWS_2022_CHINESE = r"windows server 2022.*(数据中心版|data ?center).*64.*(中文|CN)"


def _check_secret(check: Callable[[str], str]) -> AfterValidator:
    def validate(value: SecretStr) -> SecretStr:
        check(value.get_secret_value())
        return value

    return AfterValidator(validate)


class Settings(GuardSettings):
    """What a stack's config says. Keys are in camel case under `chatglm:`; `Pulumi.yaml` is written from here."""

    settings_version: int = Field(
        default=VERSION,
        description="The form of these settings. A version of the project that does not know it says so and changes "
        "nothing.",
    )
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
        default=(MY_PUBLIC_IP,),
        description="IPv4 networks that may reach remote desktop, WinRM and the demo. MY_PUBLIC_IP stands for the "
        "address that Tencent sees this computer come from.",
    )
    bandwidth_mbps: int = Field(
        default=100,
        ge=1,
        le=100,
        description="Ceiling of traffic in Mbit/s. Outbound is billed by GB; inbound is free and gets at least 10.",
    )
    demo_password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of the web demo. Set it with --secret. Empty: one is made; see the output demoPassword.",
    )
    api_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key of the API under /v1 on the demo's port. Set it with --secret. Empty: one is made; see the "
        "output apiKey.",
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
    adopt: str = Field(
        default="",
        pattern=r"^([a-km-z2-9]{12}|(ins|img)-[a-z0-9]+)?$",
        description="Identity of a lost state, or one machine or image of an earlier version, to take over, once. The "
        "preview names it.",
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
                phrase("the demo's password has 8 to 64 printable characters."),
                phrase(
                    "Set it with: pulumi config set --secret chatglm:demoPassword '...', or leave it out: one is made."
                ),
            )
        return password

    @field_validator("api_key")
    @classmethod
    def _api_key(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if text and not re.fullmatch(r"[A-Za-z0-9_.-]{24,128}", text):
            raise rule_broken(
                phrase("the API's key has 24 to 128 letters, digits, points, dashes or underscores."),
                phrase("Set it with: pulumi config set --secret chatglm:apiKey '...', or leave it out: one is made."),
            )
        return key

    @field_validator("spot_max_price")
    @classmethod
    def _bid(cls, bid: str, info: ValidationInfo) -> str:
        if bid and info.data.get("charge_type") == "hourly":
            raise rule_broken(
                phrase("a bid has no meaning with chatglm:chargeType hourly."), phrase("Remove one of the two.")
            )
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
        return self.demo_password.get_secret_value() or _made(self.admin_password, f"demo of {stack}")

    def chosen_api_key(self, stack: str) -> str:
        """The API's key: the one that was set, else one made as the demo's password is."""
        return self.api_key.get_secret_value() or f"sk-{_made(self.admin_password, f'API of {stack}')}"


@functools.cache  # an update asks several times, and each answer costs a twentieth of a second
def _made(password: SecretStr, purpose: str) -> str:
    made = hashlib.scrypt(password.get_secret_value().encode(), salt=purpose.encode(), n=2**14, r=8, p=1, dklen=15)
    return base64.b32encode(made).decode().lower()


SECRETS = ("adminPassword", "demoPassword", "apiKey", "webhooks")


def load_settings(values: Mapping[str, str], encrypted: Collection[str]) -> Settings:
    """Settings from a stack's config values, keyed `chatglm:key`. Other namespaces are only looked at for slips.

    `encrypted` names the keys that the stack holds as secrets. Raises SettingsError that lists every mistake.
    """
    prefix = f"{PROJECT}:"
    given = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    fields = {info.alias or name: info.annotation for name, info in Settings.model_fields.items()}
    if other := _of_another_version(given.get("settingsVersion", str(VERSION))):
        raise SettingsError([other])  # alone: what would be wrong here may be right there
    decoded = {key: _decode(value, fields.get(key)) for key, value in given.items()}
    mistakes = misspelt(values, PROJECT, fields)
    mistakes += [_in_clear(key) for key in SECRETS if given.get(key) and prefix + key not in encrypted]
    try:
        settings = Settings.model_validate(decoded)
    except ValidationError as error:
        mistakes += [_mistake(detail, list(fields)) for detail in error.errors()]
    if mistakes:
        raise SettingsError(mistakes)
    return settings


def leaving_notes(values: Mapping[str, str], model: type[BaseModel] = Settings) -> list[str]:
    """Of settings that are given and will go: a setting is announced for one release before it does.

    Its field says `deprecated="what to use instead"`; until it goes it is obeyed.
    """
    fields = {f"{PROJECT}:{info.alias or name}": info for name, info in model.model_fields.items()}
    return [
        phrase(
            "{key} will be no setting any more from the next release on. {instead}",
            key=key,
            instead=fields[key].deprecation_message,
        )
        for key in values
        if key in fields and fields[key].deprecation_message
    ]


def _of_another_version(written: str) -> Mistake | None:
    if written.isdecimal() and 1 <= int(written) <= VERSION:
        return None
    return Mistake(
        f"{PROJECT}:settingsVersion",
        written,
        phrase(
            "this version of the project knows settings of form 1 to {known}, and these are of another.", known=VERSION
        ),
        phrase("Take the version that wrote them (git pull), or set what this one knows and remove the key."),
    )


def _in_clear(key: str) -> Mistake:
    name = f"{PROJECT}:{key}"
    rule = phrase("it stands in the stack's file in the clear, for anyone to read.")
    return Mistake(
        name, None, rule, phrase("Set another one, encrypted: pulumi config set --secret {name} '...'", name=name)
    )


def _decode(value: str, annotation: Any) -> Any:
    """Lists and maps reach the program as JSON text; an empty list is written as an empty text too."""
    if annotation is str or annotation is SecretStr:
        return value
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, list | dict | bool) else value


#: What pydantic says of a wrong value, as far as our fields can bring it about.
_PYDANTIC = (
    later("Field required"),
    later("Input should be greater than or equal to {ge}"),
    later("Input should be less than or equal to {le}"),
    later("Input should be {expected}"),
    later("Input should be a valid boolean, unable to interpret input"),
    later("Input should be a valid integer, unable to parse string as an integer"),
    later("Input should be a valid list"),
    later("Input should be a valid tuple"),
    later("Input should be a valid dictionary"),
    later("Input should be a valid string"),
    later("String should match pattern '{pattern}'"),
)


def _of_pydantic(detail: ErrorDetails) -> str:
    """A mistake that pydantic itself found, in the reader's language where that is known."""
    parts = dict(detail.get("ctx") or {})
    try:
        form = PydanticKnownError(detail["type"], parts or None).message_template  # type: ignore[arg-type]
    except KeyError:  # not one of pydantic's own kinds
        return str(detail["msg"])
    if form not in _PYDANTIC:
        return str(detail["msg"])
    if "expected" in parts:
        parts["expected"] = phrase(" or ").join(str(parts["expected"]).split(" or "))
    return phrase(form, **parts)


def _mistake(detail: ErrorDetails, known: list[str]) -> Mistake:
    place = str(detail["loc"][0]) if detail["loc"] else ""
    # Of a default value pydantic names the field, of a given one its key.
    key = Settings.model_fields[place].alias or place if place in Settings.model_fields else place
    name = f"{PROJECT}:{key}" if key else phrase("several settings together")
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, known, n=1)
        fix = (
            phrase("Did you mean {meant}?", meant=f"{PROJECT}:{near[0]}")
            if near
            else phrase(
                "If it is one of a later version of the project, take that version (git pull). Known keys: {known}.",
                known=", ".join(sorted(known)),
            )
        )
        return Mistake(name, None, phrase("there is no such setting."), fix)
    context = detail.get("ctx", {})
    given = detail["input"]
    secret = key in SECRETS or "password" in key.lower() or isinstance(given, SecretStr)
    value = (
        None
        if secret or not key
        else given
        if isinstance(given, str)
        else json.dumps(given, ensure_ascii=False, default=str)
    )
    if detail["type"] == "rule":
        return Mistake(name, value, context["rule"], context["fix"])
    return Mistake(
        name,
        value,
        phrase("{rule}.", rule=_of_pydantic(detail)),
        phrase("Set it with: pulumi config set {name} ...", name=name),
    )
