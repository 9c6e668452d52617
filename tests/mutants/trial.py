"""One mutant, tried with the tests of its module on a copy of the tree."""

from __future__ import annotations

import compileall
import py_compile
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from rehearsal.engine import ROOT
from tests.mutants.operators import Mutant

#: A module, or a folder of them, and the tests that are its own.
MODULES = {
    "components/lifecycle.py": "tests/components/test_lifecycle.py",
    "components/images.py": "tests/components/test_images.py tests/components/test_lifecycle.py",
    "components/zones.py": "tests/components/test_zones.py",
    "components/guards.py": "tests/components/test_guards.py",
    "components/hooks.py": "tests/components/test_hooks.py",
    "tencent/ownership.py": "tests/tencent/test_ownership.py",
    "line/readiness.py": "tests/line/test_readiness.py tests/line/test_delivery.py",
    "line/delivery.py": "tests/line/test_delivery.py",
    "guest/download": "tests/guest/download",
    "guest/training/runs.py": "tests/guest/training/test_runs.py tests/guest/training/test_verbs.py",
}
#: With a machine of the local cloud it takes seconds, and its parts have tests of their own.
_PASSED_OVER = "not whole_way"
_HANGS_AFTER_SECONDS = 300


def noticed(mutant: Mutant) -> bool:
    """Whether the tests of its module fail, or hang, with the mutant."""
    path = _copy() / mutant.file
    source = path.read_text(encoding="utf-8")
    path.write_text(mutant.apply(source), encoding="utf-8")
    tests = next(tests for module, tests in MODULES.items() if mutant.file.startswith(module))
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-k", _PASSED_OVER]
    try:
        run = subprocess.run(
            [*command, *_own(mutant.file, tests), *tests.split()],
            cwd=_copy(),
            capture_output=True,
            timeout=_HANGS_AFTER_SECONDS,
            check=False,
        )
        return run.returncode != 0
    except subprocess.TimeoutExpired:
        return True
    finally:
        path.write_text(source, encoding="utf-8")


def _own(module: str, tests: str) -> list[str]:
    """The test file of this very module, where its folder's tests have one: it notices soonest, and so comes first."""
    own = Path(tests) / f"test_{Path(module).name}"
    return [str(own)] if (ROOT / own).is_file() else []


@cache
def _copy() -> Path:
    """This process's own copy of what git knows.

    Its modules are compiled by their content: by time and size one mutant would be taken for the one before.
    """
    folder = Path(tempfile.mkdtemp(prefix="mutants-"))
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    compileall.compile_dir(folder, quiet=1, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
    return folder
