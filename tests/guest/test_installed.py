"""Packages whose files a power cut has spoilt are noticed, and pip is made to install them anew."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from guest.installed import trouble, wanted

DIST = "a_pack_age-1.0.dist-info"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder into which pip itself has installed a wheel."""
    wheel, site = tmp_path / "a_pack_age-1.0-py3-none-any.whl", tmp_path / "site"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a_pack_age/__init__.py", "x = 1\n")
        archive.writestr(f"{DIST}/METADATA", "Metadata-Version: 2.1\nName: a-pack.age\nVersion: 1.0\n")
        archive.writestr(f"{DIST}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        listed = "".join(f"{entry.filename},sha256=-,{entry.file_size}\n" for entry in archive.infolist())
        archive.writestr(f"{DIST}/RECORD", f"{listed}{DIST}/RECORD,,\n")
    install(wheel, site)
    return site


def install(wheel: Path, site: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", "--target", site, wheel]
    subprocess.run(command, check=True, capture_output=True)


def test_what_pip_has_installed_is_whole(site: Path) -> None:
    assert trouble(site, "A-Pack.age", "1.0") is None


def test_another_version_or_none_at_all_is_told(site: Path) -> None:
    assert trouble(site, "a-pack.age", "1.1") == "a-pack.age 1.1 is not installed"
    assert trouble(site, "other", "1.0") == "other 1.0 is not installed"


@pytest.mark.parametrize("content", [b"", b"\0" * 6 + b"\0", None])
def test_a_file_of_another_size_or_none_is_damage(site: Path, content: bytes | None) -> None:
    file = site / "a_pack_age" / "__init__.py"
    file.unlink() if content is None else file.write_bytes(content)
    assert trouble(site, "a-pack.age", "1.0") == f"{file} is damaged"


@pytest.mark.parametrize("content", [b"", b"\0\xff\0", b"a_pack_age/__init__.py,,\n", None])
def test_without_pips_own_list_it_is_not_finished(site: Path, content: bytes | None) -> None:
    record = site / DIST / "RECORD"
    record.unlink() if content is None else record.write_bytes(content)
    assert trouble(site, "a-pack.age", "1.0") == "pip did not finish a_pack_age-1.0"


def test_pip_is_made_to_install_the_damaged_again_and_nothing_else(site: Path) -> None:
    file = site / "a_pack_age" / "__init__.py"
    assert trouble(site, "a-pack.age", "1.1", again=True)
    assert (site / DIST).is_dir(), "pip takes the files of another version away by its list"
    file.write_bytes(b"")
    assert trouble(site, "a-pack.age", "1.0", again=True)
    assert not list(importlib.metadata.distributions(path=[str(site)]))


def test_names_come_from_words_and_from_locks(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("# of today\na-b==1.0 \\\n    --hash=sha256:00\nc.d==2.0+cu118\n", encoding="utf-8")
    assert list(wanted(["torch==2.0.1+cu118", str(lock)])) == [
        ("torch", "2.0.1+cu118"), ("a-b", "1.0"), ("c.d", "2.0+cu118"),
    ]  # fmt: skip
    with pytest.raises(OSError, match="other"):
        list(wanted([str(tmp_path / "other.txt")]))


def test_as_a_program_it_says_what_is_not_whole() -> None:
    command = [sys.executable, "-m", "guest.installed", "pytest==0.0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "pytest 0.0.1 is not installed\n")
