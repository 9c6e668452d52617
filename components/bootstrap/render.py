"""Renders what a machine is started with (user data) and what it gets afterwards (the second stage)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zopfli.gzip  # type: ignore[import-untyped]

from components.bootstrap.manifest import STEPS, DemoLogin, build_manifest, expand
from components.bootstrap.powershell import environment, minify
from components.bootstrap.settings import BootstrapSettings
from guest.serving.api_gate import key_hash
from words import phrase

#: Tencent takes 16 KB, which its documents count once before and once after base64. 12 KB pass either way.
MAX_USER_DATA_BYTES = 12_288

GUEST = Path(__file__).parents[2] / "guest"
_LOCK = "requirements-windows.txt"
#: More rounds of the compressor save ten bytes, and cost every update a tenth of a second.
_ITERATIONS = 1
_LOGIN_ROUNDS = 600_000
_ZIP_TIME = (2023, 1, 1, 0, 0, 0)
_FIRST_SCRIPTS = ("lib.ps1", "bootstrap.ps1", "chatglm.ps1", "fetch.ps1")
_TASKS = ("tasks/demo.ps1", "tasks/watcher.ps1", "tasks/guard.ps1")
_SECOND_SCRIPTS = ("common.ps1", "install.ps1", "verbs.ps1", "downloads.ps1", *_TASKS)


class UserDataTooLargeError(ValueError):
    """The settings make user data that Tencent might refuse; the text gives the size and what to shorten."""


@dataclass(frozen=True)
class BootstrapInputs:
    """Everything that the rendering depends on.

    `login_salt` is any text that differs between stacks (the stack's full name); it makes equal passwords of two
    stacks unequal in their hashes, and is not secret.
    """

    settings: BootstrapSettings
    demo_password: str
    operator_cidrs: tuple[str, ...]
    login_salt: str
    region: str = "ap-guangzhou"
    api_key: str = ""
    guard: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"BootstrapInputs(login_salt={self.login_salt!r})"  # no password in a traceback


@dataclass(frozen=True)
class Rendered:
    """`user_data` for the machine's creation, `second_stage` (a zip) to push, its SHA-256, and the manifest.

    `manifest_text` is the manifest as it lies on the machine, byte for byte: what `configure` gives a living one.
    """

    user_data: str
    second_stage: bytes
    second_stage_sha256: str
    manifest: dict[str, Any]
    manifest_text: str


def render(inputs: BootstrapInputs) -> Rendered:
    """Render both stages; the same inputs give the same bytes. Raises UserDataTooLargeError."""
    packed = second_stage()
    manifest = build_manifest(
        inputs.settings,
        login=DemoLogin(
            hash_password(inputs.demo_password, inputs.login_salt), key_hash(inputs.api_key) if inputs.api_key else ""
        ),
        operator_cidrs=inputs.operator_cidrs,
        packages_hash=hashlib.sha256((GUEST / _LOCK).read_bytes()).hexdigest(),
        second_stage=packed,
        region=inputs.region,
        guard=inputs.guard,
    )
    manifest_text = json.dumps(manifest, separators=(",", ":"))
    user_data = _user_data(_first_stage(manifest_text))
    return Rendered(user_data, packed, manifest["secondStage"]["sha256"], expand(manifest), manifest_text)


def hash_password(password: str, salt: str) -> str:
    """PBKDF2 hash of the demo's password in the form that guest/serving/login.py checks."""
    salt_bytes = hashlib.sha256(salt.encode()).digest()[:12]
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt_bytes, _LOGIN_ROUNDS)
    return f"pbkdf2_sha256${_LOGIN_ROUNDS}${base64.b64encode(salt_bytes).decode()}${base64.b64encode(digest).decode()}"


def scripts() -> dict[str, str]:
    """Every PowerShell file as it stands on the machine, by its path below the root, comments and all."""
    jinja = environment()
    names = [*_FIRST_SCRIPTS, *_SECOND_SCRIPTS, *(f"steps/{step.name}.ps1" for step in STEPS)]
    return {name: jinja.get_template(f"{name}.j2").render(steps=STEPS) for name in names}


def _is_first(name: str) -> bool:
    return name in _FIRST_SCRIPTS or any(step.first_stage and name == f"steps/{step.name}.ps1" for step in STEPS)


def _first_stage(manifest_text: str) -> dict[str, str]:
    return {
        **{name: minify(text) for name, text in scripts().items() if _is_first(name)},
        "manifest.json": manifest_text,
        # By which the operator's side knows later which settings the machine has.
        "manifest.sha256": hashlib.sha256(manifest_text.encode("ascii")).hexdigest(),
    }


def _pack(files: dict[str, str]) -> bytes:
    """A tar.gz, which Windows' own tar.exe unpacks; the whole is compressed at once, smaller than any zip."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, text in files.items():
            content = text.encode("ascii")
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    # One twentieth smaller than zlib's best, and the same bytes whatever version of zlib a computer has.
    return bytes(zopfli.gzip.compress(buffer.getvalue(), numiterations=_ITERATIONS))


def _user_data(files: dict[str, str]) -> str:
    packed = _pack(files)
    stub = environment().get_template("user_data.ps1.j2").render(payload=base64.b64encode(packed).decode("ascii"))
    user_data = f"<powershell>\n{minify(stub)}</powershell>\n"
    size = len(user_data.encode("ascii"))
    if size > MAX_USER_DATA_BYTES:
        raise UserDataTooLargeError(
            phrase(
                "the user data has {size} bytes, {over} more than the {limit} that "
                "Tencent Cloud surely takes. Name fewer or shorter mirrors, or fewer "
                "chatglm:operatorCidrs.",
                size=size,
                over=size - MAX_USER_DATA_BYTES,
                limit=MAX_USER_DATA_BYTES,
            )
        )
    return user_data


def second_stage() -> bytes:
    """A zip of the guest's Python and of all scripts; with fixed times and order, so that its hash is stable.

    Those of the first stage are in it too: a machine that an older version launched gets today's with it.
    """
    members = {f"guest/{path.relative_to(GUEST).as_posix()}": path.read_bytes() for path in _guest_files()}
    members |= {name: text.encode("ascii") for name, text in scripts().items()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _ZIP_TIME)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0  # the same on every operator's system
            archive.writestr(info, members[name], compresslevel=9)
    return buffer.getvalue()


def _guest_files() -> list[Path]:
    found = [*GUEST.rglob("*.py"), *GUEST.glob("requirements-*.txt"), *GUEST.rglob("*.json"), *GUEST.rglob("*.cu")]
    return [path for path in found if "__pycache__" not in path.parts]
