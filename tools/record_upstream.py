"""Records what upstream's own code computes with the tiny model, for tests that run without that code.

    python -m tools.record_upstream FOLDER

FOLDER holds `modeling_chatglm.py` and `configuration_chatglm.py` of THUDM/chatglm-6b at v1.1.0. Needs torch 2.0.1,
transformers 4.27.1 and NumPy in the environment; the model runs on the CPU in fp32. Writes
`tests/guest/engine/upstream.json`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools import tiny_model

TARGET = Path(__file__).parents[1] / "tests" / "guest" / "engine" / "upstream.json"
NEW_TOKENS = 256
#: SHA-256 of the files, as in components/bootstrap/sources.py (which this environment cannot import).
FILES = {
    "modeling_chatglm.py": "e77d33a0354ab0948d54f953708d09baa7345966f2fb73df749e8fe5352863eb",
    "configuration_chatglm.py": "942977b9f878be607345860a88d2fc74a75256e91d0e14ef40391818352c359b",
}
#: How many prompts have their logits recorded, go with a prefix, and go in one padded batch.
WITH_LOGITS, WITH_PREFIX, PADDED = 8, 10, 6


def load(folder: Path, *, prefix: bool = False) -> Any:
    """Upstream's model with the tiny model's numbers, in fp32 on the CPU."""
    import torch  # type: ignore[import-not-found, unused-ignore]

    for name, expected in FILES.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise SystemExit(f"{folder / name} is not the file of v1.1.0.")
    package = Path(tempfile.mkdtemp()) / "upstream_code"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in FILES:
        shutil.copy(folder / name, package)
    sys.path.insert(0, str(package.parent))
    code = importlib.import_module("upstream_code.modeling_chatglm")
    configuration = importlib.import_module("upstream_code.configuration_chatglm")
    more = {"pre_seq_len": tiny_model.PREFIX_LENGTH} if prefix else {}
    config = configuration.ChatGLMConfig(**{**tiny_model.CONFIG, **more})
    model = code.ChatGLMForConditionalGeneration(config, empty_init=False).float()
    state = {name: torch.from_numpy(array).float() for name, array in tiny_model.arrays().items()}
    if prefix:
        name = "transformer.prefix_encoder.embedding.weight"
        state[name] = torch.from_numpy(tiny_model.prefix_array()).float()
    missing = model.load_state_dict(state, strict=False).missing_keys
    if any("inv_freq" not in name for name in missing):
        raise SystemExit(f"missing: {missing}")
    return model.eval()


def continuation(model: Any, tokens: list[int]) -> list[int]:
    """The likeliest tokens one by one, whatever ends an answer."""
    import torch

    ids = torch.tensor([tokens])
    held: dict[str, Any] = {}
    with torch.no_grad():
        for _ in range(NEW_TOKENS):
            given = model.prepare_inputs_for_generation(ids, **held)
            outputs = _computed(model, given)
            ids = torch.cat([ids, outputs.logits[:, -1].argmax(-1, keepdim=True)], dim=-1)
            held = model._update_model_kwargs_for_generation(outputs, held)
    return [int(token) for token in ids[0][len(tokens) :]]


def _computed(model: Any, given: dict[str, Any]) -> Any:
    """One pass. torch 2.0.1 on a CPU now and then multiplies memory that nobody wrote by zero, and gives NaN."""
    for _ in range(20):
        outputs = model(**given, return_dict=True)
        if bool(outputs.logits.isfinite().all()):
            return outputs
    raise SystemExit("the model gives no numbers")


def first_logits(model: Any, tokens: list[int]) -> list[float]:
    import torch

    with torch.no_grad():
        logits = _computed(model, {"input_ids": torch.tensor([tokens])}).logits[0, -1]
    return [round(float(value), 6) for value in logits]


def padded_logits(model: Any, batch: list[list[int]]) -> list[list[float]]:
    """Logits of prompts of unequal length in one batch, padded on the left as the tokenizer pads."""
    import torch

    longest = max(map(len, batch))
    tokens = torch.full((len(batch), longest), tiny_model.CONFIG["pad_token_id"])
    masks = torch.ones(len(batch), 1, longest, longest, dtype=torch.bool)
    positions = torch.zeros(len(batch), 2, longest, dtype=torch.long)
    for row, given in enumerate(batch):
        count, context = len(given), given.index(tiny_model.CONFIG["bos_token_id"])
        pad = longest - count
        tokens[row, pad:] = torch.tensor(given)
        seen = torch.ones(count, count).tril()
        seen[:, :context] = 1
        masks[row, 0, pad:, pad:] = seen < 0.5
        positions[row, 0, pad : pad + context] = torch.arange(context)
        positions[row, 0, pad + context :] = given.index(tiny_model.CONFIG["gmask_token_id"])
        positions[row, 1, pad + context :] = torch.arange(1, count - context + 1)
    with torch.no_grad():
        inputs = {"input_ids": tokens, "position_ids": positions, "attention_mask": masks}
        logits = _computed(model, inputs).logits[:, -1]
    return [[round(float(value), 6) for value in row] for row in logits]


def record(folder: Path) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)  # faster for so small a model
    plain, tuned = load(folder), load(folder, prefix=True)
    given = tiny_model.prompts()
    cases = []
    for number, tokens in enumerate(given):
        case: dict[str, Any] = {"tokens": tokens, "prefix": False, "continuation": continuation(plain, tokens)}
        if number < WITH_LOGITS:
            case["logits"] = first_logits(plain, tokens)
        cases.append(case)
        sys.stderr.write(f"\r{number + 1} of {len(given)} prompts")
    for number, tokens in enumerate(given[:WITH_PREFIX]):
        case = {"tokens": tokens, "prefix": True, "continuation": continuation(tuned, tokens)}
        if number < WITH_LOGITS:
            case["logits"] = first_logits(tuned, tokens)
        cases.append(case)
    batch = given[:PADDED]
    return {
        "source": "THUDM/chatglm-6b v1.1.0, torch 2.0.1, transformers 4.27.1, CPU, fp32",
        "seed": tiny_model.SEED,
        "cases": cases,
        "padded": [{"tokens": t, "logits": row} for t, row in zip(batch, padded_logits(plain, batch), strict=True)],
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(record(Path(sys.argv[1]))) + "\n", encoding="utf-8")
