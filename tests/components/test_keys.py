"""Slips of the pen in the names of config keys: told with the key that was meant, others' namespaces left alone."""

from __future__ import annotations

import json

import pytest

from components.errors import SettingsError
from components.keys import PLUGIN_KEYS, misspelt
from components.settings import load_settings
from rehearsal.engine import ROOT

OWN = ("state", "zones", "keepImage")


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("chatgml:state", "chatglm:state"),
        ("chatglm6b:state", "chatglm:state"),
        ("ChatGLM:keepimage", "chatglm:keepImage"),
        ("chatgml:stat", "chatglm:state"),
        ("tencentcloud:regoin", "tencentcloud:region"),
        ("tencentcloud:secretid", "tencentcloud:secretId"),
        ("tencent:region", "tencentcloud:region"),
        ("tencentclould:region", "tencentcloud:region"),
    ],
)
def test_a_slip_is_told_with_the_key_that_was_meant(key: str, meant: str) -> None:
    (mistake,) = misspelt([key], "chatglm", OWN)
    assert mistake.key == key
    assert f"Did you mean {meant}?" in mistake.fix
    assert f"pulumi config rm {key}" in mistake.fix


@pytest.mark.parametrize(
    "key",
    ["chatglm:state", "tencentcloud:region", "tencentcloud:version", "pulumi:tags", "aws:region", "alicloud:region"],
)
def test_right_keys_and_others_namespaces_are_left_alone(key: str) -> None:
    assert misspelt([key], "chatglm", OWN) == []


def test_a_key_that_looks_like_none_is_told_with_all_that_there_are() -> None:
    (mistake,) = misspelt(["tencentcloud:zzz"], "chatglm", OWN)
    assert all(key in mistake.fix for key in PLUGIN_KEYS)


def test_the_plugins_keys_are_those_of_its_schema() -> None:
    schema = json.loads((ROOT / "localcloud" / "plugin" / "schema.json").read_text(encoding="utf-8"))
    assert set(PLUGIN_KEYS) == set(schema["config"]["variables"])


def test_slips_are_told_together_with_all_other_mistakes() -> None:
    values = {"chatgml:state": "parked", "tencentcloud:regoin": "ap-beijing", "chatglm:systemDiskGb": "7"}
    with pytest.raises(SettingsError) as caught:
        load_settings(values, ())
    keys = {mistake.key for mistake in caught.value.mistakes}
    assert {"chatgml:state", "tencentcloud:regoin", "chatglm:systemDiskGb"} <= keys
