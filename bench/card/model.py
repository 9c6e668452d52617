"""A model of the real shape with random numbers, on the disk as transformers saves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]

CONFIG: dict[str, Any] = {
    "model_type": "chatglm",
    "num_layers": 28,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "inner_hidden_size": 16384,
    "vocab_size": 130528,
    "layernorm_epsilon": 1e-5,
    "bos_token_id": 130004,
    "eos_token_id": 130005,
    "mask_token_id": 130000,
    "gmask_token_id": 130001,
    "pad_token_id": 3,
    "max_sequence_length": 2048,
    "position_encoding_2d": True,
    "torch_dtype": "float16",
    "use_cache": True,
}
#: Standard deviation times the root of the columns. What a layer adds must outweigh what it is added to a little, or
#: the model repeats its last token and nothing can be told from its answers.
SPREAD = {
    "attention.query_key_value": 1.5,
    "attention.dense": 8.0,
    "mlp.dense_h_to_4h": 1.0,
    "mlp.dense_4h_to_h": 8.0,
}


def write(folder: Path, layers: int = 28, seed: int = 7) -> dict[str, Any]:
    """Write the model; returns its tensors on the card."""
    torch.manual_seed(seed)
    config = {**CONFIG, "num_layers": layers}
    hidden, inner = config["hidden_size"], config["inner_hidden_size"]

    def numbers(*sizes: int, spread: float, middle: float = 0.0) -> Any:
        return (torch.randn(*sizes, device="cuda") * spread + middle).half()

    word = numbers(config["vocab_size"], hidden, spread=0.06)
    shards: list[dict[str, Any]] = [{"transformer.word_embeddings.weight": word}]
    for number in range(layers):
        if number % 4 == 0 and number:
            shards.append({})
        root = f"transformer.layers.{number}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            shards[-1][f"{root}{norm}.weight"] = numbers(hidden, spread=0.05, middle=1.0)
            shards[-1][f"{root}{norm}.bias"] = numbers(hidden, spread=0.05)
        sizes = {
            "attention.query_key_value": (3 * hidden, hidden),
            "attention.dense": (hidden, hidden),
            "mlp.dense_h_to_4h": (inner, hidden),
            "mlp.dense_4h_to_h": (hidden, inner),
        }
        for name, (rows, columns) in sizes.items():
            shards[-1][f"{root}{name}.weight"] = numbers(rows, columns, spread=SPREAD[name] / columns**0.5)
            shards[-1][f"{root}{name}.bias"] = numbers(rows, spread=0.05)
    shards[-1]["transformer.final_layernorm.weight"] = numbers(hidden, spread=0.05, middle=1.0)
    shards[-1]["transformer.final_layernorm.bias"] = numbers(hidden, spread=0.05)
    shards.append({"lm_head.weight": word})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    table: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        name = f"pytorch_model-{number:05d}-of-{len(shards):05d}.bin"
        table |= dict.fromkeys(shard, name)
        torch.save({key: tensor.cpu() for key, tensor in shard.items()}, folder / name)
    index = json.dumps({"metadata": {}, "weight_map": table})
    (folder / "pytorch_model.bin.index.json").write_text(index, encoding="utf-8")
    return {key: tensor for shard in shards for key, tensor in shard.items()}


def prompt(length: int, seed: int = 0) -> list[int]:
    """Random words, the mask, the beginning of the answer: `length` tokens in all."""
    generator = torch.Generator().manual_seed(1000 * length + seed)
    words = torch.randint(20005, 129000, (length - 2,), generator=generator).tolist()
    return [*words, CONFIG["gmask_token_id"], CONFIG["bos_token_id"]]
