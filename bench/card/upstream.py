"""Upstream's own model on the card: its classes, its loop, its quantised layers."""

from __future__ import annotations

import importlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]

from guest.engine.cuda.driver import Launch, Module, find_compiler

#: The functions of upstream's machine code, which does not load on every card.
KERNELS = ("int4WeightCompression", "int4WeightExtractionHalf", "int8WeightExtractionHalf")
FILES = ("modeling_chatglm.py", "configuration_chatglm.py", "quantization.py")


def load(code: Path, config: dict[str, Any], tensors: dict[str, Any], bits: int = 16, prefix: Any = None) -> Any:
    """Upstream's model around tensors that lie on the card already; `code` holds its files of v1.1.0."""
    if "upstream_code" not in sys.modules:
        package = Path(tempfile.mkdtemp()) / "upstream_code"
        package.mkdir()
        (package / "__init__.py").touch()
        for name in FILES:
            shutil.copy(code / name, package)
        sys.path.insert(0, str(package.parent))
    modeling: Any = importlib.import_module("upstream_code.modeling_chatglm")
    configuration: Any = importlib.import_module("upstream_code.configuration_chatglm")
    # Empty layers on the card at once, not 13 GB of them on the host.
    modeling.skip_init = lambda kind, *given, **more: torch.nn.utils.skip_init(kind, *given, device="cuda", **more)
    more = {} if prefix is None else {"pre_seq_len": int(prefix.shape[0])}
    model = modeling.ChatGLMForConditionalGeneration(configuration.ChatGLMConfig(**config, **more)).half().cuda()
    named = dict(model.named_parameters())
    for name, tensor in tensors.items():
        named[name].data = tensor
    if prefix is not None:
        named["transformer.prefix_encoder.embedding.weight"].data = prefix
    if bits != 16:
        _make_kernels_load()
        model = model.quantize(bits)
    return model.eval()


def _make_kernels_load() -> None:
    """Put the same loops, compiled for this card, in the place of machine code that it refuses."""
    quantization: Any = importlib.import_module("upstream_code.quantization")
    prepare = getattr(quantization.kernels.int8WeightExtractionHalf, "_prepare_func", None)
    if prepare is None:
        return  # done before
    try:
        prepare()
        return
    except RuntimeError:
        pass
    capability = torch.cuda.get_device_capability()
    compiler = find_compiler(Path(torch.__file__).parent)
    source = Path(__file__).with_name("quantised_upstream.cu").read_text(encoding="ascii")
    module = Module(compiler.compile(source, [], f"sm_{capability[0]}{capability[1]}"))

    def launcher(name: str) -> Callable[..., None]:
        function = module.function(name)

        def launch(grid: tuple[int, int, int], threads: Any, shared: int, stream: Any, values: list[Any]) -> None:
            function.launch(stream.cuda_stream, Launch(grid, threads[0], shared), values)

        return launch

    for name in KERNELS:
        setattr(quantization.kernels, name, launcher(name))


def stream(model: Any, tokens: list[int], new: int, **more: Any) -> Iterator[int]:
    """Upstream's own loop; yields the last token, read by the host as its page reads it."""
    given = torch.tensor([tokens], device="cuda")
    options = {"max_length": len(tokens) + new + 1, "eos_token_id": -1, "do_sample": True, "top_p": 0.7}
    for latest in model.stream_generate(given, **{**options, "temperature": 0.95, **more}):
        yield int(latest.tolist()[0][-1])


def greedy(model: Any, batch: list[list[int]], new: int) -> tuple[list[list[int]], list[list[float]], Any]:
    """Likeliest tokens of a batch padded as the tokenizer pads: tokens, margins to the second, and the first logits."""
    config = model.config
    longest = max(map(len, batch))
    rows = len(batch)
    tokens = torch.full((rows, longest), config.pad_token_id)
    masks = torch.ones(rows, 1, longest, longest, dtype=torch.bool)
    positions = torch.zeros(rows, 2, longest, dtype=torch.long)
    for row, given in enumerate(batch):
        count, context = len(given), given.index(config.bos_token_id)
        pad = longest - count
        tokens[row, pad:] = torch.tensor(given)
        seen = torch.ones(count, count).tril()
        seen[:, :context] = 1
        masks[row, 0, pad:, pad:] = seen < 0.5
        positions[row, 0, pad : pad + context] = torch.arange(context)
        positions[row, 0, pad + context :] = given.index(config.gmask_token_id)
        positions[row, 1, pad + context :] = torch.arange(1, count - context + 1)
    held: dict[str, Any] = {"attention_mask": masks.cuda(), "position_ids": positions.cuda()}
    ids, first = tokens.cuda(), None
    chosen, margins = [], []
    with torch.no_grad():
        for _ in range(new):
            given = model.prepare_inputs_for_generation(ids, **held)
            outputs = model(**given, return_dict=True, output_attentions=False, output_hidden_states=False)
            logits = outputs.logits[:, -1].float()
            first = logits if first is None else first
            top = logits.topk(2, dim=-1)
            chosen.append(top.indices[:, 0])
            margins.append(top.values[:, 0] - top.values[:, 1])
            ids = torch.cat([ids, chosen[-1][:, None]], dim=-1)
            held = model._update_model_kwargs_for_generation(outputs, held)
    return torch.stack(chosen, 1).tolist(), torch.stack(margins, 1).tolist(), first
