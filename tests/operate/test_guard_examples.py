"""The examples for cron, systemd and a workflow: well-formed, and what they run is run, on the local cloud."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from rehearsal.engine import ROOT
from tools.lint_workflows import LinterError, lint
from tools.throwaway import local_cloud
from tools.workspace import Workspace

EXAMPLES = ROOT / "docs" / "examples" / "unattended"
KEYS = ("TENCENTCLOUD_", "PULUMI_", "HTTP_PROXY", "CHATGLM_")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A stack `dev` that is to be brought back after a reclaim, and in which nothing stands yet."""
    folder = tmp_path_factory.mktemp("examples")
    with local_cloud(folder / "cloud", "--no-guests") as port:
        made = Workspace(folder / "stack", folder / "cloud", port, "dev", {"chatglm:restoreAfterReclaim": "true"})
        # This checkout's program, as an installation in that folder would have it.
        for name in ("operate", "rehearsal", "localcloud"):
            (made.project / name).symlink_to(ROOT / name)
        lines = [f"{name}={shlex.quote(value)}" for name, value in made.environment.items() if name.startswith(KEYS)]
        (made.project / "guard.env").write_text("\n".join(lines), encoding="utf-8")
        yield made


def run(stack: Workspace, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        cwd=stack.project,
        env={"PATH": stack.environment["PATH"], "HOME": str(stack.folder), "CHATGLM_FOLDER": str(stack.project)},
        capture_output=True,
        text=True,
        check=False,
    )


def here(command: str) -> str:
    """The command with this checkout's own program in place of an installed one."""
    programs = {".venv/bin/chatglm": f"{sys.executable} -m operate", ".venv/bin/python": sys.executable}
    return re.sub(r"\.venv/bin/(?:chatglm|python)\b", lambda found: programs[found[0]], command)


@pytest.mark.e2e
def test_the_line_for_cron_looks_once(stack: Workspace) -> None:
    line = next(one for one in (EXAMPLES / "crontab").read_text(encoding="utf-8").splitlines() if one.startswith("*"))
    found = re.fullmatch(r"((?:[\d*/,-]+ ){5})(.*)", line)
    assert found is not None
    assert "%" not in found[2], "cron takes a percent sign for a line end"
    answer = run(stack, here(found[2]))
    assert answer.returncode == 0, answer.stderr
    assert "neither a machine nor an image" in (stack.project / "guard.log").read_text(encoding="utf-8")


def read_unit(name: str) -> configparser.ConfigParser:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(EXAMPLES / name, encoding="utf-8")
    return unit


@pytest.mark.e2e
@pytest.mark.whole
def test_the_systemd_service_looks_once(stack: Workspace) -> None:
    service = read_unit("chatglm-guard.service")["Service"]
    assert (service["Type"], service["KillSignal"]) == ("oneshot", "SIGINT")
    command = service["ExecStart"].replace(service["WorkingDirectory"] + "/", "")
    answer = run(stack, f"set -a && . ./guard.env && {here(command)}")
    assert answer.returncode == 0, answer.stderr
    assert "neither a machine nor an image" in answer.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    for name in ("chatglm-guard.service", "chatglm-guard.timer"):
        text = (EXAMPLES / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/srv/chatglm/.venv/bin/chatglm", "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "chatglm-guard" not in answer.stderr, answer.stderr


def test_the_systemd_timer_starts_that_service_again_after_its_end() -> None:
    timer = read_unit("chatglm-guard.timer")
    assert set(timer["Timer"]) == {"OnBootSec", "OnUnitInactiveSec", "AccuracySec"}
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert (EXAMPLES / "chatglm-guard.service").exists()


@pytest.mark.e2e
@pytest.mark.whole
def test_the_workflow_looks_once(stack: Workspace) -> None:
    document = yaml.safe_load((EXAMPLES / "guard.yml").read_text(encoding="utf-8"))
    step = document["jobs"]["guard"]["steps"][-1]
    answer = run(stack, f"set -a && . ./guard.env && export STACK=dev && {here(step['run'])}")
    assert answer.returncode == 0, answer.stderr
    assert "neither a machine nor an image" in answer.stdout


def test_the_workflow_is_clean_for_both_linters() -> None:
    try:
        assert lint(EXAMPLES) == ""
    except LinterError as error:
        pytest.skip(str(error))


def test_the_workflow_uses_the_actions_that_ours_use() -> None:
    """They are kept new by robots that look at our own workflows alone."""
    ours = (ROOT / ".github" / "workflows" / "drift.yml").read_text(encoding="utf-8")
    for action in re.findall(r"uses: (\S+)", (EXAMPLES / "guard.yml").read_text(encoding="utf-8")):
        assert action in ours


def test_every_example_is_named_here() -> None:
    assert sorted(path.name for path in Path(EXAMPLES).iterdir()) == [
        "chatglm-guard.service",
        "chatglm-guard.timer",
        "crontab",
        "guard.yml",
    ]
