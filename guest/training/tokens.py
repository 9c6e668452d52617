"""Token counts of prompts and answers: exact with the model's own tokenizer, else an estimate that says so."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from guest.phrases import phrase

Counter = Callable[[str], int]

_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[A-Za-z]+")
_OTHER = re.compile(r"[^\sA-Za-z\u3400-\u9fff]")

TOKENS_PER_HAN = 0.7
LETTERS_PER_TOKEN = 4

ESTIMATE_NOTE = phrase(
    "estimated without the tokenizer: {han} tokens a Chinese character, "
    "{letters} Latin letters a token, every digit and sign one",
    han=TOKENS_PER_HAN,
    letters=LETTERS_PER_TOKEN,
)


def estimate_tokens(text: str) -> int:
    """A rule of thumb (see `ESTIMATE_NOTE`), for computers that do not have the model."""
    words = sum(math.ceil(len(word) / LETTERS_PER_TOKEN) for word in _WORD.findall(text))
    return math.ceil(len(_HAN.findall(text)) * TOKENS_PER_HAN) + words + len(_OTHER.findall(text))


def exact_counter(model: Path) -> Counter | None:
    """A counter that uses the tokenizer in the model's folder, or None where it or `transformers` is missing."""
    if not (model / "ice_text.model").is_file():
        return None
    try:
        transformers: Any = importlib.import_module("transformers")
    except ImportError:
        return None
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(model), trust_remote_code=True)
    # Without special tokens, as ptuning/main.py counts before it cuts.
    return lambda text: len(tokenizer.encode(text=text, add_special_tokens=False))
