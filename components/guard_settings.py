"""Settings of whoever guards the machine while nobody looks: a part of the stack's config under `chatglm:`.

Everything is off by default. What contradicts itself is refused at the key that is to be changed, all at once.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from components.bootstrap.settings import BootstrapSettings
from components.errors import rule_broken
from guest.errors import GuestError
from guest.unattended.decision import USES, Rules
from guest.unattended.notices import parse_webhooks
from words import phrase, worded


def _check_budget(text: str) -> str:
    if not text:
        return text
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not amount.is_finite() or amount <= 0:
        raise rule_broken(
            phrase("a budget is a positive number of CNY."), phrase('Example: "60"; leave it empty for no budget.')
        )
    return text


Budget = Annotated[str, AfterValidator(_check_budget)]
#: A time of day in China, where Tencent's days begin and end, wherever the guard runs.
Time = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]


class GuardSettings(BootstrapSettings):
    """When the machine is parked and brought back without a person, and who is told."""

    cam_role: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_+=,.@-]{0,128}$",
        description="CAM role of the machine, with which it parks itself while this computer is off (its policy: "
        "docs/unattended.md). Empty: only chatglm guard parks it.",
    )
    idle_minutes: int = Field(
        default=0,
        ge=0,
        le=1440,
        description="Minutes without use after which the machine is parked, once the warning has stood. 0: never.",
    )
    guard_warn_minutes: int = Field(
        default=10,
        ge=0,
        le=240,
        validate_default=True,
        description="For how many minutes the page and status warn before the machine is parked.",
    )
    guard_uses: tuple[Literal["demo", "api", "gpu", "login"], ...] = Field(
        default=("demo", "api", "gpu", "login"),
        description="What counts as use: questions to the demo, to the API, work of the GPU, somebody at the remote "
        "desktop. A page that is only open never does.",
    )
    park_at: Time = Field(
        default="",
        description="Time of day at which the machine is parked, used or not; a training in hand is waited for. "
        "China's time, as 22:30.",
    )
    restore_at: Time = Field(
        default="", description="Time of day at which chatglm guard brings the machine back. China's time, as 08:00."
    )
    restore_after_reclaim: bool = Field(
        default=False,
        description="Whether chatglm guard brings a reclaimed machine back, and goes on with an interrupted training.",
    )
    budget_per_day: Budget = Field(
        default="",
        description="CNY a day (China's) from which the machine is parked; a training is saved first. Empty: none.",
    )
    budget_per_month: Budget = Field(
        default="", description="CNY a month (China's) from which the machine is parked. Empty: none."
    )
    webhooks: SecretStr = Field(
        default=SecretStr(""),
        description="Who is told: KIND ADDRESS [SECRET], several separated by semicolons; KIND is wecom, dingtalk, "
        "feishu, slack or json. Set it with --secret.",
    )

    @field_validator("guard_warn_minutes")
    @classmethod
    def _warning(cls, minutes: int, info: ValidationInfo) -> int:
        idle = info.data.get("idle_minutes") or 0
        if 0 < idle < minutes:
            raise rule_broken(
                phrase(
                    "the warning would stand longer than the idleness that it warns of "
                    "(chatglm:idleMinutes is {idle}).",
                    idle=idle,
                ),
                phrase(
                    "Set it with: pulumi config set chatglm:guardWarnMinutes {idle}, or a longer chatglm:idleMinutes.",
                    idle=idle,
                ),
            )
        return minutes

    @field_validator("guard_uses")
    @classmethod
    def _uses(cls, uses: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not uses and info.data.get("idle_minutes"):
            raise rule_broken(
                phrase(
                    "with chatglm:idleMinutes nothing would ever count as use, and the machine is parked "
                    "under its user."
                ),
                phrase("Name some of {uses}, or remove chatglm:idleMinutes.", uses=", ".join(USES)),
            )
        if len(set(uses)) != len(uses):
            raise rule_broken(phrase("a kind of use is named twice."), phrase("Name each once."))
        return uses

    @field_validator("restore_at")
    @classmethod
    def _times(cls, time: str, info: ValidationInfo) -> str:
        if time and time == info.data.get("park_at"):
            raise rule_broken(
                phrase("the machine would be parked and brought back at the same moment (chatglm:parkAt)."),
                phrase("Set two different times of day, or remove one of the two."),
            )
        return time

    @field_validator("budget_per_month")
    @classmethod
    def _budgets(cls, month: str, info: ValidationInfo) -> str:
        day = info.data.get("budget_per_day")
        if month and day and Decimal(month) < Decimal(day):
            raise rule_broken(
                phrase("a month cannot have less than one of its days (chatglm:budgetPerDay is {day}).", day=day),
                phrase("Raise this one, or lower the other."),
            )
        return month

    @field_validator("webhooks")
    @classmethod
    def _webhooks(cls, webhooks: SecretStr) -> SecretStr:
        try:
            parse_webhooks(webhooks.get_secret_value())
        except GuestError as error:
            raise rule_broken(worded(error.message), worded(error.hint)) from None
        return webhooks

    @property
    def guard_rules(self) -> Rules:
        """The settings as the decision takes them."""
        return Rules(
            idle_seconds=self.idle_minutes * 60.0,
            warn_seconds=self.guard_warn_minutes * 60.0,
            uses=tuple(self.guard_uses),
            park_at=_minutes(self.park_at),
            restore_at=_minutes(self.restore_at),
            restore_after_reclaim=self.restore_after_reclaim,
            budget_per_day=float(self.budget_per_day or 0),
            budget_per_month=float(self.budget_per_month or 0),
            own_guard=bool(self.cam_role),
        )


def _minutes(time: str) -> int | None:
    found = re.fullmatch(r"(\d\d):(\d\d)", time)
    return int(found[1]) * 60 + int(found[2]) if found else None
