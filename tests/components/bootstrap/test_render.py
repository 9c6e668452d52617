"""User data and second stage: size, form, round trip, secrets, and that equal inputs give equal bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from components.bootstrap.render import (
    MAX_USER_DATA_BYTES,
    BootstrapInputs,
    Rendered,
    UserDataTooLargeError,
    hash_password,
    render,
)
from components.bootstrap.settings import BootstrapSettings
from components.bootstrap.unpack import UnpackError, unpack_user_data
from guest.serving.login import matches
from tools.powershell_matrix import extreme_inputs, inputs, matrix

PASSWORD = "demo's $ecret"
USUAL = BootstrapInputs(BootstrapSettings(), PASSWORD, ("203.0.113.7/32",), "org/chatglm/dev")


@pytest.fixture(scope="module")
def rendered() -> Rendered:
    return render(BootstrapInputs(BootstrapSettings(), PASSWORD, ("203.0.113.7/32",), "org/chatglm/dev"))


def test_it_is_ascii_in_the_wrapper_that_cloudbase_init_looks_for(rendered: Rendered) -> None:
    assert rendered.user_data.isascii()
    assert rendered.user_data.startswith("<powershell>\n")
    assert rendered.user_data.endswith("\n</powershell>\n")
    assert rendered.user_data.count("</powershell>") == 1


@pytest.mark.slow
def test_it_fits_for_a_matrix_of_settings() -> None:
    assert max(len(render(inputs(chosen)).user_data) for chosen in matrix()) <= MAX_USER_DATA_BYTES


def test_it_fits_at_the_limits_of_all_settings() -> None:
    assert len(render(extreme_inputs()).user_data) <= MAX_USER_DATA_BYTES


def test_what_does_not_fit_is_refused_with_its_size() -> None:
    cidrs = tuple(f"{a}.{b}.{a ^ b}.{a * b % 256}/32" for a in range(1, 60) for b in range(20))
    with pytest.raises(UserDataTooLargeError, match=r"has \d+ bytes, \d+ more than the 12288") as told:
        render(BootstrapInputs(BootstrapSettings(), PASSWORD, cidrs, "x"))
    assert "fewer chatglm:operatorCidrs" in str(told.value)


def test_the_first_stage_survives_the_way(rendered: Rendered) -> None:
    first = unpack_user_data(rendered.user_data.encode())
    assert first.manifest == rendered.manifest
    assert set(first.files) == {
        "lib.ps1", "bootstrap.ps1", "chatglm.ps1", "fetch.ps1", "steps/base.ps1", "manifest.json", "manifest.sha256",
    }  # fmt: skip
    assert first.files["manifest.json"].decode() == rendered.manifest_text
    assert all(text.isascii() for text in first.files.values())


def test_everything_that_starts_long_downloads_is_in_the_first_stage(rendered: Rendered) -> None:
    first = unpack_user_data(rendered.user_data.encode())
    assert b"fetch.ps1" in first.files["bootstrap.ps1"]
    assert b"manifest.files" in first.files["fetch.ps1"].replace(b"$Manifest", b"manifest")


def test_the_second_stage_holds_the_rest_and_its_hash_is_in_the_user_data(rendered: Rendered) -> None:
    assert hashlib.sha256(rendered.second_stage).hexdigest() == rendered.second_stage_sha256
    assert rendered.manifest["secondStage"] == {
        "sha256": rendered.second_stage_sha256,
        "bytes": len(rendered.second_stage),
    }
    names = set(zipfile.ZipFile(io.BytesIO(rendered.second_stage)).namelist())
    assert {"guest/__main__.py", "guest/download/__main__.py", "guest/requirements-windows.txt"} <= names
    assert "steps/driver.ps1" in names
    assert {"downloads.ps1", "tasks/demo.ps1", "tasks/watcher.ps1"} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_every_step_has_its_script_in_one_of_the_stages(rendered: Rendered) -> None:
    names = set(zipfile.ZipFile(io.BytesIO(rendered.second_stage)).namelist())
    names |= set(unpack_user_data(rendered.user_data.encode()).files)
    assert {f"steps/{step['name']}.ps1" for step in rendered.manifest["steps"]} <= names


def test_equal_inputs_give_equal_bytes(rendered: Rendered) -> None:
    again = render(BootstrapInputs(BootstrapSettings(), PASSWORD, ("203.0.113.7/32",), "org/chatglm/dev"))
    assert again == rendered


def test_no_password_is_in_it_and_the_hash_fits(rendered: Rendered) -> None:
    everything = b"".join(unpack_user_data(rendered.user_data.encode()).files.values()) + rendered.second_stage
    assert PASSWORD.encode() not in everything
    assert PASSWORD not in repr(BootstrapInputs(BootstrapSettings(), PASSWORD, (), "x"))
    assert matches(PASSWORD, rendered.manifest["settings"]["demoPasswordHash"])
    assert not matches("another", rendered.manifest["settings"]["demoPasswordHash"])


def test_equal_passwords_of_two_stacks_have_unequal_hashes() -> None:
    assert hash_password("same", "org/chatglm/a") != hash_password("same", "org/chatglm/b")


def packed(files: dict[str, str], *, keep: int | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return f"<powershell>\n$Payload = '{base64.b64encode(buffer.getvalue()[:keep]).decode()}'\n</powershell>".encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<powershell>'nothing'</powershell>", "0 payloads"),
        (b"$Payload = 'QUJD'\n$Payload = 'QUJD'\n", "2 payloads"),
        (b"$Payload = 'QUJD'\n", "does not unpack"),
        (packed({"x.ps1": "x" * 99}, keep=90), "cut short"),
        (packed({"../x.ps1": ""}), "does not belong below the root"),
        (packed({"C:\\x.ps1": ""}), "does not belong below the root"),
        (packed({"x.ps1": ""}), "no manifest.json"),
    ],
)
def test_what_is_no_first_stage_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(UnpackError, match=words):
        unpack_user_data(data)


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_unpacking_never_ends_in_anything_but_its_own_error(data: bytes) -> None:
    payload = base64.b64encode(data)
    with pytest.raises(UnpackError):
        unpack_user_data(b"$Payload = '" + payload + b"'\n")
