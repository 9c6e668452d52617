"""The entry's stand-in and its PowerShell original name the same verbs and say the same."""

from __future__ import annotations

import inspect
import re

from components.bootstrap.render import scripts
from localcloud.guest import entry

SCRIPT = scripts()["chatglm.ps1"]


def test_the_script_answers_the_same_verbs() -> None:
    in_script = set(re.findall(r"^        '([a-z]+)' \{", SCRIPT, re.MULTILINE))
    in_python = set(re.findall(r'case "([a-z]+)":', inspect.getsource(entry.Entry.run)))
    assert in_script == in_python == {"status", "log", "receive", "retry"}


def test_the_script_keeps_the_same_verbs_to_itself() -> None:
    (kept,) = re.findall(r"\$Verb -notin ([^)]*)\)", SCRIPT)
    assert set(re.findall(r"'([a-z]+)'", kept)) == entry.SCRIPT_ALONE


def test_the_script_says_the_same() -> None:
    source = inspect.getsource(entry)
    for text in ("this name is not allowed", "the upload is damaged", "needs Python, which is not there yet"):
        assert text in source
        assert text in SCRIPT
