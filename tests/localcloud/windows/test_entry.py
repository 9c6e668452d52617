"""The entry's stand-in and its PowerShell original name the same verbs and say the same."""

from __future__ import annotations

import inspect
import re

from components.bootstrap.render import scripts
from localcloud.windows import entry

SCRIPT = scripts()["chatglm.ps1"]
VERBS = scripts()["verbs.ps1"]


def test_the_scripts_answer_the_same_verbs() -> None:
    in_scripts = set(re.findall(r"^ +'([a-z]+)' \{", SCRIPT + VERBS, re.MULTILINE))
    in_python = set(re.findall(r'case "([a-z]+)":', inspect.getsource(entry.Entry.run)))
    assert in_scripts == in_python == {"status", "log", "receive", "retry", "configure"}


def test_the_scripts_keep_the_same_verbs_to_themselves() -> None:
    alone = re.findall(r"^        '([a-z]+)' \{", SCRIPT, re.MULTILINE) + re.findall(r"\$Verb -ne '([a-z]+)'", VERBS)
    assert set(alone) == entry.SCRIPT_ALONE


def test_the_script_says_the_same() -> None:
    source = inspect.getsource(entry)
    for text in (
        "this name is not allowed",
        "the upload has ",
        "Go on from there.",
        "the upload is damaged",
        "needs Python, which is not there yet",
    ):
        assert text in source
        assert text in SCRIPT
