"""The reader's language: how it is chosen, and what a sentence becomes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.phrases import joined
from guest.phrases import phrase as said
from words import VARIABLE, choose, heard, language, phrase, speaking, worded


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_TW.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", VARIABLE: "en"}, "en"),
        ({"LANG": "en_US.UTF-8", VARIABLE: "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", VARIABLE: ""}, "zh"),
    ],
)
def test_the_own_variable_decides_then_the_locale(environment: dict[str, str], expected: str) -> None:
    assert choose(environment) == expected


@pytest.mark.parametrize("system", ["zh_CN", "Chinese (Simplified)_China"])
def test_a_system_that_sets_no_variables_is_asked(system: str) -> None:
    assert choose({}, system) == "zh"
    assert choose({"LANG": "en_US.UTF-8"}, system) == "en"


def test_a_sentence_is_said_in_the_readers_language_with_its_parts() -> None:
    assert phrase("{count} settings are wrong", count=3) == "3 settings are wrong"
    with speaking("zh"):
        assert language() == "zh"
        assert phrase("{count} settings are wrong", count=3) == "有 3 项设置不对"
    assert language() == "en"


def test_what_is_in_no_catalogue_stays_as_it_is() -> None:
    with speaking("zh"):
        assert phrase("ins-12345678") == "ins-12345678"
        assert phrase("") == ""


def test_what_the_machine_said_is_worded_by_its_form_and_parts() -> None:
    told = {
        "message": "There is no run named 1126-1.",
        "phrases": {"message": {"form": "There is no run named {name}.", "parts": {"name": "1126-1"}}},
    }
    assert heard(told) == "There is no run named 1126-1."
    with speaking("zh"):
        assert heard(told) == "没有名为 1126-1 的训练。"


def test_a_part_may_be_a_sentence_of_its_own() -> None:
    message = said("Run {name} has {wanted}.", name="a", wanted=said("no checkpoint {step}", step=50))
    assert worded(message) == "Run a has no checkpoint 50."
    with speaking("zh"):
        assert worded(message) == "训练 a 没有检查点 50。"


def test_sentences_that_were_joined_are_worded_one_by_one() -> None:
    message = said("The data set {name} cannot be used:\n  {listed}", name="x", listed=joined("\n  ", [said("text")]))
    with speaking("zh"):
        assert worded(message) == "数据集 x 不能使用：\n  文本"


def test_a_trouble_of_powershell_is_known_by_its_numbered_parts() -> None:
    trouble = {"id": "torch.pip", "message": "pip ended with 1", "hint": "See the end of the log.", "parts": [1]}
    with speaking("zh"):
        assert heard(trouble) == "pip 以 1 结束"
        assert heard(trouble, "hint") == "请查看日志末尾。"


def test_a_sentence_of_python_inside_a_trouble_of_powershell_is_worded_too() -> None:
    reason = {
        "text": "https://a.test/x: wrong bytes",
        "form": "{url}: wrong bytes",
        "parts": {"url": "https://a.test/x"},
    }
    trouble = {
        "message": "the download failed: https://a.test/x: wrong bytes",
        "hint": "Verbs: status.",
        "parts": [reason],
        "phrases": {"hint": {"text": "Verbs: status.", "form": "Verbs: {known}.", "parts": {"known": "status"}}},
    }
    assert heard(trouble) == trouble["message"]
    with speaking("zh"):
        assert heard(trouble) == "下载失败：https://a.test/x：内容不对"
        assert heard(trouble, "hint") == "可用的指令：status。"


@pytest.mark.parametrize(
    "wire",
    [
        {"form": "{name.__class__.__mro__} is not in the catalogue", "parts": {"name": "x"}},
        {"form": "There is no run named {name}.", "parts": "x"},
        {"form": 5, "parts": {}},
        "nonsense",
    ],
)
def test_a_machine_that_lies_about_a_form_is_quoted_as_it_spoke(wire: object) -> None:
    told = {"message": "Its own words.", "phrases": {"message": wire}}
    with speaking("zh"):
        assert heard(told) == "Its own words."


def test_the_compiled_catalogue_is_there_for_a_clone_without_the_tools() -> None:
    folder = Path(__file__).parents[2] / "words" / "locale" / "zh" / "LC_MESSAGES"
    assert (folder / "chatglm.mo").stat().st_size > 10_000
