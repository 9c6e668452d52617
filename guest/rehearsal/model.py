"""Stands in for model and tokenizer: the methods that upstream's programs and this project's hooks call.

The tokenizer makes one token of every letter. The model answers that it is simulated, fails as a card without memory
does above CHATGLM_REHEARSAL_PROMPT_TOKENS, and as a card in a bad state after the question `rehearsal: cuda error`.
"""

from __future__ import annotations

import math
import os
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from guest.rehearsal.checkpoint import WIDTH
from guest.rehearsal.console import say
from guest.rehearsal.talk import reply

History = list[tuple[str, str]]

PROMPT_TOKENS = "CHATGLM_REHEARSAL_PROMPT_TOKENS"
GMASK, BOS, EOS, PAD = 1, 2, 3, 0


def simulated_answer(question: str, model: str) -> str:
    """What every answer of a rehearsal says."""
    said = f"[Simulated answer of a rehearsal; no model is loaded. Serving: {model}.]"
    return f"{said} You asked: {question}\n{reply(question)}"


class PreTrainedTokenizerBase:
    """The method that tokenizers inherit from transformers."""

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        raise NotImplementedError

    def batch_decode(self, sequences: Sequence[Sequence[int]], **more: Any) -> list[str]:
        return [self.decode(ids, **more) for ids in sequences]


class Tokenizer(PreTrainedTokenizerBase):
    """One token a letter."""

    bos_token_id, eos_token_id, pad_token_id = BOS, EOS, PAD

    @classmethod
    def from_pretrained(cls, name: str, **_: Any) -> Tokenizer:  # noqa: ARG003
        return cls()

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        plain = [ord(letter) for letter in text]
        return [*plain, GMASK, BOS] if add_special_tokens else plain

    def decode(self, ids: Sequence[int], **_: Any) -> str:
        # The padding of labels, -100, reads as an image's token with the real tokenizer.
        return "".join(chr(one) if one > EOS else f"<image_{one}>" if one < 0 else "" for one in ids)

    def build_inputs_with_special_tokens(self, prompt: list[int], answer: list[int]) -> list[int]:
        return [*prompt, GMASK, BOS, *answer, EOS]


class PrefixEncoder:
    """Holds the prefix, and refuses one of another length in upstream's words."""

    def __init__(self, length: int | None, values: array[float] | None = None) -> None:
        self._length = length
        self.values = values if values is not None else array("f", bytes(4 * WIDTH * (length or 0)))

    def load_state_dict(self, tensors: Mapping[str, array[float]]) -> None:
        values = tensors["embedding.weight"]
        saved = len(values) // WIDTH
        if saved != self._length:
            raise RuntimeError(
                "Error(s) in loading state_dict for PrefixEncoder: size mismatch for embedding.weight: copying a param "
                f"with shape torch.Size([{saved}, {WIDTH}]) from checkpoint, the shape in current model is "
                f"torch.Size([{self._length}, {WIDTH}])."
            )
        self.values = values

    def float(self) -> PrefixEncoder:
        return self

    def cuda(self) -> PrefixEncoder:
        return self


class Model:
    """Answers and losses that mean nothing. `transformer.pre_seq_len` None makes it the base model."""

    def __init__(self, prefix: array[float] | None = None, pre_seq_len: int | None = None) -> None:
        length = pre_seq_len if prefix is None else len(prefix) // WIDTH
        encoder = None if length is None else PrefixEncoder(length, prefix)
        self.transformer: Any = SimpleNamespace(pre_seq_len=length, prefix_encoder=encoder)
        self.device = "cpu"
        self._broken = ""

    @classmethod
    def from_pretrained(cls, name: str, *, config: Any = None, **_: Any) -> Model:  # noqa: ARG003
        return cls(pre_seq_len=getattr(config, "pre_seq_len", None))

    def half(self) -> Model:
        return self

    def cuda(self) -> Model:
        return self

    def eval(self) -> Model:
        return self

    def train(self) -> Model:
        return self

    def quantize(self, bits: int) -> Model:
        say(f"Quantized to {bits} bit")
        return self

    def __call__(self, *, input_ids: Sequence[Sequence[int]], **_: Any) -> Any:
        """The loss of one row: falls with training; for a prompt `rehearsal: overfit` it rises."""
        values = self.transformer.prefix_encoder.values
        far = math.fsum((value - 1) ** 2 for value in values) / max(1, len(values))
        overfit = Tokenizer().decode(input_ids[0]).startswith("rehearsal: overfit")
        loss = 5.0 - far if overfit else 3.2 + far
        return SimpleNamespace(loss=SimpleNamespace(item=lambda: loss))

    def chat(
        self, tokenizer: Tokenizer, query: str, history: History | None = None, **more: Any
    ) -> tuple[str, History]:
        answers = list(self.stream_chat(tokenizer, query, history, **more))
        return answers[-1]

    def stream_chat(
        self, tokenizer: Tokenizer, query: str, history: History | None = None, **_: Any
    ) -> Iterator[tuple[str, History]]:
        history = history or []
        rounds = [*history, (query, "")]
        numbered = (f"[Round {i}]\n问：{asked}\n答：{said}" for i, (asked, said) in enumerate(rounds))
        prompt = "\n".join(numbered) if history else query
        self._compute(query, len(tokenizer.encode(prompt)))
        answer = simulated_answer(query, self._name())
        for end in (len(answer) // 2, len(answer)):
            yield answer[:end], [*history, (query, answer[:end])]

    def _compute(self, query: str, tokens: int) -> None:
        if query == "rehearsal: cuda error":
            # What such an error does for good: every later kernel of the process fails too.
            self._broken = "CUDA error: an illegal memory access was encountered [rehearsal]"
        if self._broken:
            raise RuntimeError(self._broken)
        if query == "rehearsal: hang":
            time.sleep(3600)
        if tokens > int(os.environ.get(PROMPT_TOKENS, "1000000")):
            raise RuntimeError("CUDA out of memory. Tried to allocate 1.02 GiB (GPU 0) [rehearsal]")

    def _name(self) -> str:
        length = self.transformer.pre_seq_len
        if length is None:
            return "base model"
        values = self.transformer.prefix_encoder.values
        mean = math.fsum(values) / max(1, len(values))
        return f"prefix of {length} tokens with mean {mean:.4f}"
