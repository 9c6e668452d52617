"""Times upstream's training step and its predicting on the card that is there, with and without what is put on.

    python -m bench.tuning_on_card UPSTREAM OUT.json

UPSTREAM holds modeling_chatglm.py, configuration_chatglm.py and quantization.py of THUDM/chatglm-6b v1.1.0; the model
has the real shape and random numbers. Needs torch, transformers 4.27.1 and cpm_kernels. `bench.tuning` prints what was
kept of it.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from guest.training.hooks.sampling import sample_by_row
from guest.training.hooks.thrift import keep_activations, mend_backward

SHAPE: dict[str, Any] = {
    "num_layers": 28, "hidden_size": 4096, "num_attention_heads": 32, "inner_hidden_size": 16384, "vocab_size": 130528,
    "bos_token_id": 130004, "eos_token_id": 130005, "mask_token_id": 130000, "gmask_token_id": 130001,
    "pad_token_id": 3, "max_sequence_length": 2048, "position_encoding_2d": True, "use_cache": True,
}  # fmt: skip
PREFIX, SOURCE, TARGET = 128, 128, 128
STEPS, WARM = 20, 4
EVALUATED = ((1, 1), (8, 4), (16, 4))  # rows at once, batches
PROMPT, NEW = 32, 64
#: Where CUDA's toolkit has cuda_fp16.h.
HEADERS = "/usr/local/cuda/include"


def load(upstream: Path, torch: Any) -> Any:
    """Upstream's model with a prefix, on the card, in fp16 as main.py makes it."""
    package = Path(tempfile.mkdtemp()) / "upstream_code"
    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("modeling_chatglm.py", "configuration_chatglm.py", "quantization.py"):
        shutil.copy(upstream / name, package)
    sys.path.insert(0, str(package.parent))
    modeling: Any = importlib.import_module("upstream_code.modeling_chatglm")
    configuration: Any = importlib.import_module("upstream_code.configuration_chatglm")
    modeling.skip_init = lambda kind, *given, **more: torch.nn.utils.skip_init(kind, *given, device="cuda", **more)
    config = configuration.ChatGLMConfig(**SHAPE, pre_seq_len=PREFIX)
    model = modeling.ChatGLMForConditionalGeneration(config).half().cuda()
    torch.manual_seed(7)
    for name, parameter in model.named_parameters():
        if "layernorm.weight" in name:
            parameter.data.fill_(1.0)
        else:
            parameter.data.normal_(std=0.02)
    # As from_pretrained does: one table for both ends.
    model.tie_weights()
    model.transformer.prefix_encoder.float()
    return model


def sample(torch: Any) -> tuple[Any, Any]:
    """One row as main.py pads it: all of the prompt's and the answer's tokens used."""
    torch.manual_seed(11)
    prompt = torch.randint(5, 100_000, (SOURCE - 1,)).tolist()
    answer = torch.randint(5, 100_000, (TARGET - 2,)).tolist()
    tokens = [*prompt, SHAPE["gmask_token_id"], SHAPE["bos_token_id"], *answer, SHAPE["eos_token_id"]]
    labels = [-100] * SOURCE + tokens[SOURCE:]
    return torch.tensor([tokens], device="cuda"), torch.tensor([labels], device="cuda")


def train(model: Any, torch: Any) -> dict[str, Any]:
    """Milliseconds of a micro-step, peak memory (GiB reserved), and losses while the prefix learns one row by heart."""
    tokens, labels = sample(torch)
    encoder = model.transformer.prefix_encoder
    torch.manual_seed(3)
    encoder.embedding.weight.data.normal_(std=0.5)
    optimizer = torch.optim.AdamW(encoder.parameters(), lr=2e-2)
    model.train()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    losses, begun = [], 0.0
    for step in range(WARM + STEPS):
        if step == WARM:
            torch.cuda.synchronize()
            begun = time.perf_counter()
        loss = model(input_ids=tokens, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
    torch.cuda.synchronize()
    spent = (time.perf_counter() - begun) / STEPS
    return {
        "ms": round(1000 * spent, 1),
        "peak_reserved_gib": round(torch.cuda.max_memory_reserved() / 2**30, 2),
        "losses": [round(float(loss), 4) for loss in losses],
    }


def predict(model: Any, torch: Any) -> dict[str, Any]:
    """Tokens a second by the rows that are predicted at once, sampled as upstream samples, and the peak."""
    model.eval()
    told = {}
    for rows, batches in EVALUATED:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        torch.manual_seed(5)
        batch = torch.randint(5, 100_000, (rows, PROMPT), device="cuda")
        batch[:, -2], batch[:, -1] = SHAPE["gmask_token_id"], SHAPE["bos_token_id"]
        # Never ended early: the end's token is one that there is not.
        options = {"max_length": PROMPT + NEW, "do_sample": True, "top_p": 0.7, "temperature": 0.95}
        spent = 0.0
        with torch.no_grad():
            for number in range(batches + 1):
                torch.cuda.synchronize()
                begun = time.perf_counter()
                made = model.generate(input_ids=batch, eos_token_id=-1, **options)
                torch.cuda.synchronize()
                if number:
                    spent += time.perf_counter() - begun
                assert made.shape == (rows, PROMPT + NEW)
        peak = round(torch.cuda.max_memory_reserved() / 2**30, 2)
        told[str(rows)] = {"tokens_s": round(rows * NEW * batches / spent, 1), "peak_reserved_gib": peak}
    return told


def main(upstream: Path, out: Path) -> None:
    torch: Any = importlib.import_module("torch")
    result: dict[str, Any] = {"card": torch.cuda.get_device_name(), "torch": torch.__version__}

    def keep(name: str, value: Any) -> None:
        result[name] = value
        print(name, json.dumps(value), flush=True)
        out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")

    model = load(upstream, torch)
    sample_by_row(type(model), seed=42)
    keep("predict_fp16", predict(model, torch))
    model.gradient_checkpointing_enable()
    model.enable_input_require_grads()
    keep("train_fp16_checkpointing", train(model, torch))
    model.gradient_checkpointing_disable()
    keep("train_fp16", train(model, torch))
    quantization: Any = importlib.import_module("upstream_code.quantization")
    if torch.cuda.get_device_capability()[0] >= 9:
        from bench.unpacking import replace

        replace(quantization, torch, HEADERS)
        result["unpacking"] = "compiled for this card, for which the model brings no code"
    model = model.quantize(4)
    torch.cuda.empty_cache()
    model.gradient_checkpointing_enable()
    keep("train_int4_upstream", train(model, torch))
    mend_backward(quantization)
    keep("train_int4_no_weight_gradients", train(model, torch))
    model.gradient_checkpointing_disable()
    # What the launcher does about main.py's own call.
    keep_activations(model)
    model.gradient_checkpointing_enable()
    keep("train_int4", train(model, torch))
    keep("predict_int4", predict(model, torch))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
