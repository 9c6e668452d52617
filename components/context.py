"""What one run of the program starts from: the settings, who the stack is, and the way to the cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from components.cloud import Access, Cloud, find_region
from components.names import find_commit
from components.rules import MY_PUBLIC_IP
from components.settings import Settings, load_settings

if TYPE_CHECKING:
    from components.bootstrap.render import Rendered


@dataclass(frozen=True)
class Context:
    """`stack_id` is organization/project/stack; `cloud` is None where no keys were found."""

    settings: Settings
    stack: str
    stack_id: str
    region: str
    commit: str
    cloud: Cloud | None


def read_context() -> Context:
    """Read the stack's configuration. Raises SettingsError with every mistake, before any call."""
    config = pulumi.runtime.get_config_env()
    settings = load_settings(config, pulumi.runtime.get_config_secret_keys_env())
    access = Access.find(config)
    stack = pulumi.get_stack()
    return Context(
        settings=settings,
        stack=stack,
        stack_id=f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}",
        region=find_region(config),
        commit=find_commit(),
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
            demo_port=settings.demo_port,
            demo_user=settings.demo_user,
            demo_password=settings.login_password(context.stack),
            operator_cidrs=cidrs,
            login_salt=context.stack_id,
        )
    )
