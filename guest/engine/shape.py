"""The sizes of a model, from the `config.json` that lies beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import read_json
from guest.phrases import phrase

#: Row tiles and column tiles of the matrix kernels; see `kernels.cu`.
ROW_TILE, COLUMN_TILE = 16, 64


@dataclass(frozen=True)
class Shape:
    """`inner` is the width of the feed-forward layer; `bits` (4, 8 or 0) says that the files hold quantised layers.

    `tied` says that the output layer and the embedding are one matrix, as transformers ties them on loading.
    """

    layers: int
    hidden: int
    heads: int
    inner: int
    vocabulary: int
    epsilon: float
    begin: int
    end: int
    mask: int
    gmask: int
    pad: int
    bits: int = 0
    tied: bool = True

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.hidden // self.heads

    @property
    def residual(self) -> float:
        """What GLM multiplies the normed input with before it adds a layer's output: the root of twice the layers.

        The model's own code takes ChatGLM-6B's 28 layers for it, however many there are.
        """
        return float((2 * 28) ** 0.5)

    @property
    def cache_values(self) -> int:
        """Numbers that one token takes in the key-value cache."""
        return 2 * self.layers * self.hidden

    def linears(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each matrix of a layer, by its name in the files."""
        return {
            "attention.query_key_value": (3 * self.hidden, self.hidden),
            "attention.dense": (self.hidden, self.hidden),
            "mlp.dense_h_to_4h": (self.inner, self.hidden),
            "mlp.dense_4h_to_h": (self.hidden, self.inner),
        }


def shape_from(config: Mapping[str, Any]) -> Shape:
    """Raises GuestError for a model of another family or of sizes that the kernels do not take."""
    if config.get("model_type") != "chatglm" or not config.get("position_encoding_2d", False):
        raise GuestError(
            phrase("config.json does not describe ChatGLM-6B (model_type chatglm with 2-D positions)."),
            phrase("Set chatglm:model to THUDM/chatglm-6b or a copy of it."),
        )
    try:
        shape = Shape(
            layers=int(config["num_layers"]),
            hidden=int(config["hidden_size"]),
            heads=int(config["num_attention_heads"]),
            inner=int(config["inner_hidden_size"]),
            vocabulary=int(config["vocab_size"]),
            epsilon=float(config["layernorm_epsilon"]),
            begin=int(config["bos_token_id"]),
            end=int(config["eos_token_id"]),
            mask=int(config["mask_token_id"]),
            gmask=int(config["gmask_token_id"]),
            pad=int(config["pad_token_id"]),
            bits=int(config.get("quantization_bit") or 0),
            tied=bool(config.get("tie_word_embeddings", True)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GuestError(
            phrase("config.json lacks a size of the model: {error!r}.", error=error), phrase("Fetch the model again.")
        ) from None
    special = (shape.begin, shape.end, shape.mask, shape.gmask, shape.pad)
    if max(special) >= shape.vocabulary:
        raise GuestError(
            phrase(
                "config.json names token {special}, but the vocabulary has {vocabulary} tokens.",
                special=max(special),
                vocabulary=shape.vocabulary,
            ),
            phrase("Its files are of different revisions: fetch the model again."),
        )
    return shape


def read_shape(model: Path) -> Shape:
    """The shape of the model in a folder; raises GuestError."""
    config = read_json(model / "config.json")
    if config is None:
        raise GuestError(
            phrase("There is no readable config.json in {model}.", model=model), phrase("Fetch the model again.")
        )
    return shape_from(config)
