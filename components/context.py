"""What one run of the program starts from: the settings, who the stack is, and the way to the cloud."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pulumi

from components.settings import Settings, leaving_notes, load_settings
from guest.unattended.settings import manifest_row
from tencent.access import Access, AccessError, find_region
from tencent.cloud import Cloud
from tencent.firewall import MY_PUBLIC_IP
from tencent.names import find_commit
from words import phrase

if TYPE_CHECKING:
    from components.bootstrap.render import Rendered


@dataclass(frozen=True)
class Context:
    """`stack_id` is organization/project/stack; `cloud` is None where no keys were found."""

    settings: Settings
    stack: str
    stack_id: str
    region: str
    cloud: Cloud | None

    @cached_property
    def commit(self) -> str:
        """The program's commit, for the tags of an image; git is asked only where one is declared."""
        return find_commit()


class LoginError(pulumi.RunError):
    """The way to log in cannot be used, by both halves of an update or by either."""


def read_context() -> Context:
    """Read the stack's configuration. Raises SettingsError with every mistake, or LoginError, before any call."""
    config = pulumi.runtime.get_config_env()
    settings = load_settings(config, pulumi.runtime.get_config_secret_keys_env())
    for line in leaving_notes(config):
        pulumi.log.warn(line)
    try:
        access = Access.find(config)
    except AccessError as error:
        raise LoginError(phrase("Nothing was changed and no cloud call was made.\n{error}", error=error)) from None
    stack = pulumi.get_stack()
    return Context(
        settings=settings,
        stack=stack,
        stack_id=f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}",
        region=access.region if access else find_region(config),
        cloud=Cloud(access) if access else None,
    )


def render_bootstrap(context: Context) -> Rendered:
    """The user data and the second stage of this stack's machine. Raises UserDataTooLargeError."""
    # Imported here, since most previews render nothing and should not load the templates' engine first.
    from components.bootstrap.render import BootstrapInputs, render

    settings = context.settings
    # Windows cannot know what Tencent takes MY_PUBLIC_IP for; there the security group alone keeps others out.
    cidrs = () if MY_PUBLIC_IP in settings.operator_cidrs else settings.operator_cidrs
    return render(
        BootstrapInputs(
            settings=settings,
            demo_password=settings.login_password(context.stack),
            operator_cidrs=cidrs,
            login_salt=context.stack_id,
            region=context.region,
            api_key=settings.chosen_api_key(context.stack),
            guard=manifest_row(settings.cam_role, settings.guard_rules),
        )
    )
