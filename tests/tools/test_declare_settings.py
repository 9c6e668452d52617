"""`Pulumi.yaml` declares every setting, and nothing else, as the typed settings have it."""

from __future__ import annotations

import yaml

from tools.declare_settings import PULUMI_YAML, declarations


def test_pulumi_yaml_holds_what_the_settings_say() -> None:
    project = yaml.safe_load(PULUMI_YAML.read_text(encoding="utf-8"))
    assert project["config"] == declarations(), "run: python -m tools.declare_settings"


def test_every_key_has_type_default_and_description() -> None:
    for key, declared in declarations().items():
        assert {"type", "default", "description"} <= set(declared), key
        assert declared["description"], key
