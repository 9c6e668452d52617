"""Settings of the installation: the rules, each with a case that breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.bootstrap.settings import BootstrapSettings


def test_the_defaults_hold() -> None:
    assert BootstrapSettings().model_dump(by_alias=True)["readyTimeoutMinutes"] == 180


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"precision": "int3"}, "'fp16', 'int8' or 'int4'"),
        ({"modelRevision": "v0.1.0"}, "v1.1.0"),
        ({"minicondaVersion": "py312_24.1.2-0"}, "py310"),
        ({"model": "../etc"}, "pattern"),
        ({"servedModel": "run/latest"}, "pattern"),
        ({"packageUrl": "http://example.com/x.zip"}, "pattern"),
        ({"torchMirrors": []}, "at least 1"),
        ({"torchMirrors": ["https://a.test/$(x)"]}, "pattern"),
        ({"modelSources": ["https://a.test/{model}"]}, "needs {file}"),
        ({"modelSources": ["https://a.test/{file}/{other}"]}, "only {file}, {model} and {revision}"),
        ({"sourceUrls": ["https://a.test/x.zip"]}, "belong together"),
        ({"sourceSha256": "a" * 64}, "belong together"),
        ({"condaMirrors": [f"https://a.test/{'x' * 100}{n}" for n in range(4)]}, "560 fit into user data"),
        ({"model": "THUDM/chatglm-6b-int4"}, "Set chatglm:precision to int4, or chatglm:model to THUDM/chatglm-6b."),
        ({"model": "THUDM/chatglm-6b-int8"}, "chatglm:precision to int8"),
        ({"pageFileGb": 64}, "less than or equal to 9"),
        ({"torchVersion": "2.1"}, "not permitted"),
    ],
)
def test_a_broken_rule_is_told(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as told:
        BootstrapSettings.model_validate(given)
    assert words in str(told.value)
