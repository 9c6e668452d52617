"""Settings with which the PowerShell and the user data are tried: the usual ones, and all limits at once."""

from __future__ import annotations

import itertools
import random
import string
from collections.abc import Iterator

from components.bootstrap.render import BootstrapInputs
from components.bootstrap.settings import BootstrapSettings

_LETTERS = string.ascii_letters + string.digits + "-_"


def matrix() -> Iterator[BootstrapSettings]:
    """Settings that differ in what reaches the scripts and the user data."""
    choices = {
        "precision": ("fp16", "int8", "int4"),
        "gpuToolkit": ("full", "minimal"),
        "servedModel": ("base", "my-run/checkpoint-3000"),
    }
    for chosen in itertools.product(*choices.values()):
        yield BootstrapSettings.model_validate(dict(zip(choices, chosen, strict=True)))
    yield BootstrapSettings(package_url="https://example.com/stage2.zip", driver_version="572.83", page_file_gb=9)


def inputs(settings: BootstrapSettings) -> BootstrapInputs:
    """Inputs around the settings, with values that would break a careless quoting."""
    odd = settings.model_copy(update={"demo_user": "o'neil"})  # not checked, as a validated setting would be
    return BootstrapInputs(odd, 'it\'s $(x) `y` "z"', ("203.0.113.7/32", "MY_PUBLIC_IP"), "o/p/s")


def extreme_inputs() -> BootstrapInputs:
    """Settings at all their limits at once, of letters that do not compress; and 16 networks of operators."""
    chance = random.Random(3)  # noqa: S311 - no secret

    def text(length: int) -> str:
        return "".join(chance.choice(_LETTERS) for _ in range(length))

    def url(length: int) -> str:
        return f"https://{text(length - 8)}"

    settings = BootstrapSettings(
        model=f"{text(40)}/{text(40)}",
        model_revision="8b7d33596d18c5e83e2da052d05ca4db02e60620",
        served_model=f"r{text(63)}/checkpoint-1234567",
        source_commit="".join(chance.choice("0123456789abcdef") for _ in range(40)),
        model_sources=tuple(f"{url(40)}/{{file}}" for _ in range(4)),
        torch_mirrors=tuple(url(31) for _ in range(4)),
        conda_mirrors=tuple(url(31) for _ in range(2)),
        package_mirrors=tuple(url(31) for _ in range(2)),
        package_url=url(112),
        driver_version="572.83",
        demo_port=17860,
        demo_user=text(32),
    )
    cidrs = tuple(f"{chance.randrange(1, 223)}.{chance.randrange(256)}.{chance.randrange(256)}.7/32" for _ in range(16))
    return BootstrapInputs(settings, "demo-passw0rd", cidrs, "org/chatglm/dev")
