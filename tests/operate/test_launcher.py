"""The installed command: from a folder with blanks and Chinese characters, for another user, with no home to write."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from operate.launcher.chatglm_launcher import find_clone
from rehearsal.engine import ROOT
from tools.clones import Clone


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = Clone.make(tmp_path_factory.mktemp("一个 folder") / "我的 clone")
    made.lend()
    return made


def test_the_installed_command_runs_from_anywhere_and_needs_no_home(clone: Clone) -> None:
    chatglm = str(clone.environment / "bin" / "chatglm")
    told = clone.run("/bin/sh", "-c", 'cd / && "$0" --version', chatglm, HOME="/proc/nowhere")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("chatglm 0.")
    helped = clone.run(chatglm, "--help", HOME="/proc/nowhere")
    assert "Run the ChatGLM machine" in helped.stdout


def test_no_room_of_the_project_enters_the_environment(clone: Clone) -> None:
    python = str(clone.environment / "bin" / "python")
    rooms = ("tools", "templates", "tests", "components", "guest", "operate", "localcloud")
    code = f"import importlib.util; print([name for name in {rooms} if importlib.util.find_spec(name)])"
    assert clone.run("/bin/sh", "-c", f'cd / && "$0" -c "{code}"', python).stdout.strip() == "[]"


def test_without_a_rehearsal_and_a_stack_it_says_how_to_begin(clone: Clone) -> None:
    engine = str(next((clone.folder / ".local" / "engine").glob("*/bin")))
    chatglm = str(clone.environment / "bin" / "chatglm")
    told = clone.run(chatglm, "status", PATH=f"{engine}:{os.environ['PATH']}", HOME=str(clone.folder))
    assert told.returncode == 2, told.stderr
    assert "make up" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_without_a_home_may_run_the_command_of_a_clone(clone: Clone) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    python, setpriv = shutil.which(version, path="/usr/bin"), shutil.which("setpriv")
    if python is None or setpriv is None:
        pytest.skip(f"no {version} that every user can run, or no setpriv")
    for folder in (clone.folder, *clone.folder.parents[:4]):
        folder.chmod(0o755)
    found = [str(clone.folder / "operate" / "launcher"), sysconfig.get_path("purelib")]
    code = f"import sys; sys.path[:0] = {found}; import chatglm_launcher; chatglm_launcher.main()"
    as_other = (setpriv, "--reuid", "65533", "--regid", "65533", "--clear-groups", python, "-c", code)
    told = clone.run(*as_other, "--version", HOME="/nonexistent")
    assert (told.returncode, told.stdout[:10]) == (0, "chatglm 0."), told.stderr
    asked = clone.run(*as_other, "status", HOME="/nonexistent")
    assert "Traceback" not in asked.stderr
    assert asked.returncode in (1, 2), asked.stderr


def test_the_clone_is_found_at_or_above_a_folder(tmp_path: Path) -> None:
    assert find_clone(tmp_path) is None
    assert find_clone(ROOT / "docs") == ROOT
    assert find_clone(tmp_path, ROOT) == ROOT
