"""A model of ChatGLM-6B's make with a few thousand numbers, the same on every computer: for tests and measurements.

Its numbers come from NumPy's oldest generator, whose sequence is promised not to change, and are rounded to fp16, so
that a model in fp32 and one in fp16 hold the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "model_type": "chatglm",
    "num_layers": 3,
    "hidden_size": 128,
    "num_attention_heads": 4,
    "inner_hidden_size": 256,
    "vocab_size": 320,
    "layernorm_epsilon": 1e-5,
    "bos_token_id": 314,
    "eos_token_id": 315,
    "mask_token_id": 310,
    "gmask_token_id": 311,
    "pad_token_id": 3,
    "max_sequence_length": 2048,
    "position_encoding_2d": True,
    "torch_dtype": "float16",
    "use_cache": True,
}
SEED = 20230502
PREFIX_LENGTH = 16


def arrays(config: dict[str, Any] = CONFIG, seed: int = SEED) -> dict[str, Any]:
    """The model's tensors by name, as NumPy arrays in fp16."""
    import numpy  # type: ignore[import-not-found, unused-ignore]

    chance = numpy.random.RandomState(seed)
    made = {}
    for name, sizes, spread, middle in _tensors(config):
        made[name] = (middle + spread * chance.standard_normal(sizes)).astype(numpy.float16)
    made["lm_head.weight"] = made["transformer.word_embeddings.weight"]
    return made


def prefix_array(config: dict[str, Any] = CONFIG, seed: int = SEED + 1) -> Any:
    """The table of a P-Tuning prefix: (length, layers * 2 * hidden), in fp16."""
    import numpy

    width = config["num_layers"] * 2 * config["hidden_size"]
    return numpy.random.RandomState(seed).standard_normal((PREFIX_LENGTH, width)).astype(numpy.float16)


def prompts(count: int = 50, config: dict[str, Any] = CONFIG, seed: int = SEED + 2) -> list[list[int]]:
    """Token lists as the tokenizer makes them: a text of 1 to 80 tokens, the mask, the beginning of the answer."""
    import numpy

    chance = numpy.random.RandomState(seed)
    highest = min(config["mask_token_id"], config["vocab_size"]) - 1
    made = []
    for number in range(count):
        length = 1 + (number * 7) % 80
        text = [int(token) for token in chance.randint(4, highest, length)]
        made.append([*text, config["gmask_token_id"], config["bos_token_id"]])
    return made


def write_model(folder: Path, tensors: dict[str, Any] | None = None, config: dict[str, Any] = CONFIG) -> None:
    """Write config, two shards and their index, as transformers saves a model."""
    import torch  # type: ignore[import-not-found, unused-ignore]

    tensors = arrays(config) if tensors is None else tensors
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    names = list(tensors)
    shards = {"pytorch_model-00001-of-00002.bin": names[: len(names) // 2]}
    shards["pytorch_model-00002-of-00002.bin"] = names[len(names) // 2 :]
    for file, members in shards.items():
        torch.save({name: torch.from_numpy(tensors[name].copy()) for name in members}, folder / file)
    table = {name: file for file, members in shards.items() for name in members}
    index = {"metadata": {}, "weight_map": table}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")


def write_checkpoint(folder: Path, table: Any = None) -> None:
    """Write a training's checkpoint: the prefix alone."""
    import torch

    table = prefix_array() if table is None else table
    folder.mkdir(parents=True, exist_ok=True)
    name = "transformer.prefix_encoder.embedding.weight"
    torch.save({name: torch.from_numpy(table.copy()).float()}, folder / "pytorch_model.bin")


def _tensors(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...], float, float]]:
    """Name, sizes, spread and middle of each tensor."""
    hidden, inner = config["hidden_size"], config["inner_hidden_size"]
    yield "transformer.word_embeddings.weight", (config["vocab_size"], hidden), 0.3, 0.0
    for number in range(config["num_layers"]):
        root = f"transformer.layers.{number}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            yield f"{root}{norm}.weight", (hidden,), 0.2, 1.0
            yield f"{root}{norm}.bias", (hidden,), 0.1, 0.0
        # Wide enough that what a layer adds outweighs what it is added to: else the model repeats its last token.
        for name, rows, columns, spread in (
            ("attention.query_key_value", 3 * hidden, hidden, 2.0),
            ("attention.dense", hidden, hidden, 24.0),
            ("mlp.dense_h_to_4h", inner, hidden, 1.5),
            ("mlp.dense_4h_to_h", hidden, inner, 24.0),
        ):
            yield f"{root}{name}.weight", (rows, columns), spread / columns**0.5, 0.0
            yield f"{root}{name}.bias", (rows,), 0.1, 0.0
    yield "transformer.final_layernorm.weight", (hidden,), 0.2, 1.0
    yield "transformer.final_layernorm.bias", (hidden,), 0.1, 0.0
