"""Which cases of a larger set a run plays. Each test is a run of its own, in a folder with a repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
from pathlib import Path
from tests.whole import Choice, add_options

def pytest_addoption(parser):
    add_options(parser)

def pytest_configure(config):
    config.addinivalue_line("markers", "whole: x")
    config.pluginmanager.register(Choice(config, Path(__file__).parent))
"""
CASES = """
import os
import pytest

def test_always(): pass

@pytest.mark.whole
def test_detail(): pass

@pytest.mark.whole
def test_broken_once(): assert os.environ.get("MENDED")
"""


@pytest.fixture
def cases(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(CASES)
    (pytester.path / ".gitignore").write_text(".local\n__pycache__\n.pytest_cache\n")
    for words in (("init", "-q"), ("add", "-A"), ("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x")):
        subprocess.run(["git", *words], cwd=pytester.path, check=True)
    return pytester


def ledger(cases: pytest.Pytester) -> list[str]:
    told = json.loads((Path(cases.path) / ".local" / "whole.json").read_text(encoding="utf-8"))
    return [name.rpartition("::")[2] for name in told["passed"]]


def test_a_plain_run_leaves_the_larger_set_out(cases: pytest.Pytester) -> None:
    cases.inline_run().assertoutcome(passed=1)


def test_the_whole_set_goes_on_where_it_was_cut_off(cases: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    cases.inline_run("--whole", "--go-on", "-m", "whole").assertoutcome(passed=1, failed=1)
    assert ledger(cases) == ["test_detail"]
    monkeypatch.setenv("MENDED", "1")
    cases.inline_run("--whole", "--go-on", "-m", "whole").assertoutcome(passed=1)
    assert ledger(cases) == ["test_broken_once", "test_detail"]
    assert cases.inline_run("--whole", "--go-on", "-m", "whole").ret is pytest.ExitCode.OK


def test_what_passed_before_a_change_is_played_again(cases: pytest.Pytester) -> None:
    cases.inline_run("--whole", "--go-on", "-m", "whole").assertoutcome(passed=1, failed=1)
    (cases.path / ".gitignore").write_text(".local\n__pycache__\n.pytest_cache\nmore\n")
    cases.inline_run("--whole", "--go-on", "-m", "whole").assertoutcome(passed=1, failed=1)
    assert ledger(cases) == ["test_detail"]
