"""Plays the parts of transformers that upstream's programs and this project's hooks touch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from guest.rehearsal.model import Model as AutoModel
from guest.rehearsal.model import PreTrainedTokenizerBase
from guest.rehearsal.model import Tokenizer as AutoTokenizer

__all__ = ["AutoConfig", "AutoModel", "AutoTokenizer", "PreTrainedTokenizerBase"]


class AutoConfig:
    """Settings of a model that is not there."""

    @staticmethod
    def from_pretrained(name: str, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(name=name, pre_seq_len=None, prefix_projection=False)
