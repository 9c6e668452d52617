"""The guard's own pairs of sentences: in one voice with the catalogue, which the machine that says them has not."""

from __future__ import annotations

import re

import pytest

from guest.unattended.words import ACTS, OPEN, OUTCOMES, WORDS
from tools import messages
from tools.messages import places

CATALOGUE = {str(one.id): str(one.string) for one in messages.read() if one.id}
PAIRS = [*WORDS.values(), *ACTS.values(), *OUTCOMES.values(), *OPEN.values()]
#: What a word of the English is called in Chinese, wherever it stands.
TERMS = {
    "machine": "机器",
    "image": "镜像",
    "stack": "栈",
    "park": "停放",
    "restore": "恢复",
    "reclaimed": "回收",
    "training": "训练",
    "budget": "预算",
    "clock": "时钟",
    "CNY": "元",
}


def says(text: str, term: str) -> bool:
    """Whether an English sentence has the word, in any of its forms, and not only as a setting's name."""
    bare = re.sub(r"chatglm:\w+|chatglm \w+|pulumi \w+|\{\w+\}", "", text)
    return bool(re.search(rf"\b{term}(ed|s|ing)?\b", bare))


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0][:40])
def test_both_languages_have_the_same_places(pair: tuple[str, str]) -> None:
    english, chinese = pair
    assert places(english) == places(chinese)
    assert re.search("[\u4e00-\u9fff]", chinese)


@pytest.mark.parametrize("term", TERMS)
def test_a_thing_has_the_name_that_the_catalogue_gives_it(term: str) -> None:
    catalogue = [chinese for english, chinese in CATALOGUE.items() if says(english, term)]
    assert sum(TERMS[term] in one for one in catalogue) / len(catalogue) > 0.75, "the catalogue has another name"
    own = [(english, chinese) for english, chinese in PAIRS if says(english, term)]
    assert own
    assert [pair for pair in own if TERMS[term] not in pair[1]] == []


def test_a_sentence_that_stands_in_both_is_the_same() -> None:
    assert [pair for pair in PAIRS if CATALOGUE.get(pair[0], pair[1]) != pair[1]] == []
