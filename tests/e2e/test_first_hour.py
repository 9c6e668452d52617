"""The README's own order, block by block, in a clean clone whose path has blanks and Chinese characters."""

from __future__ import annotations

import socket
import subprocess

import pytest

from localcloud.port import remembered_port
from localcloud.process import find_running
from rehearsal.engine import ROOT
from tools.clones import Clone
from tools.doc_blocks import RUN_IN_REHEARSAL, read_blocks

pytestmark = pytest.mark.e2e
#: How a person who was told to use the rehearsal's environment gets it: what `make shell` sets.
_REHEARSAL = """
.venv/bin/python -m localcloud start >/dev/null
eval "$(.venv/bin/python -c 'from rehearsal.environment import rehearsal_environment as e; import shlex
for name, value in e().items(): print(f"export {name}={shlex.quote(value)}")')"
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    made = Clone.make(tmp_path_factory.mktemp("first hour") / "我的 克隆")
    made.lend()
    return made


def test_the_blocks_that_are_marked_run_in_their_order(clone: Clone) -> None:
    blocks = [block for block in read_blocks(ROOT / "README.md") if block.is_run]
    assert len(blocks) >= 6
    subprocess.run(["git", "init", "-q"], cwd=clone.folder, check=True)
    subprocess.run(["git", "add", "-A"], cwd=clone.folder, check=True)
    home = "/proc/nowhere"  # nothing of all this may need a home that can be written
    try:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        chosen = {"CHATGLM_LOCAL_PORT": str(port)}  # for the first block alone; the others must find the same cloud
        for block in blocks:
            before = _REHEARSAL if block.mark == RUN_IN_REHEARSAL else ""
            told = clone.run("bash", "-ec", f"{before}\n{block.text}", HOME=home, CHATGLM_LOCAL_SPEED="max", **chosen)
            chosen = {}
            assert remembered_port(clone.folder / ".local" / "cloud") == port
            assert told.returncode == 0, f"{block.page.name}:{block.line}\n{told.stdout}\n{told.stderr}"
            assert "Traceback" not in told.stdout + told.stderr
    finally:
        clone.run(".venv/bin/python", "-m", "localcloud", "stop")
    assert find_running(clone.folder / ".local" / "cloud") is None
    told = clone.run("git", "status", "--porcelain")
    changed = [line for line in told.stdout.splitlines() if not line.startswith("A ")]
    assert (told.returncode, changed) == (0, [])  # stack init left no trace in what git keeps
