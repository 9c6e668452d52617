"""What a training does not compute, and that nobody can tell: needs torch, `make test-engine`.

The model is a small one with the form of the real one's training: frozen int4 matrices of upstream's make around a
trained prefix. Recorded from upstream's own code it stands in `upstream.json` (test_upstream.py).
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from guest.engine.quantise import scale_and_round, upstream_integers
from guest.training.hooks import thrift

WIDTH, LAYERS, STEPS = 64, 3, 8


@pytest.fixture
def quantization(torch: Any, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module as the model's `quantization.py` is to `mend_backward`: unpacking, and a step back with both gradients.

    `weight_gradients` counts those that were computed.
    """
    module: Any = ModuleType("tiny_model_code.quantization")
    module.weight_gradients = 0

    def extract_weight_to_half(stored: Any, scales: Any, bits: int) -> Any:
        assert bits == 4
        return upstream_integers(stored).float() * scales.float()[:, None]

    class W8A16Linear(torch.autograd.Function):  # type: ignore[misc, name-defined, unused-ignore]
        @staticmethod
        def forward(ctx: Any, given: Any, stored: Any, scales: Any, bits: int) -> Any:
            ctx.inp_shape, ctx.weight_bit_width = given.size(), bits
            rows = given.reshape(-1, given.size(-1))
            ctx.save_for_backward(rows, stored, scales)
            made = rows @ module.extract_weight_to_half(stored, scales, bits).t()
            return made.view(*given.shape[:-1], stored.size(0))

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            rows, stored, scales = ctx.saved_tensors
            back = grad_output.reshape(rows.size(0), -1)
            module.weight_gradients += 1
            wasted = back.t() @ rows
            return (back @ module.extract_weight_to_half(stored, scales, 4)).view(ctx.inp_shape), wasted, None, None

    module.extract_weight_to_half, module.W8A16Linear = extract_weight_to_half, W8A16Linear
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module  # type: ignore[no-any-return, unused-ignore]


def stored_in_four_bits(torch: Any, weight: Any) -> tuple[Any, Any]:
    """A matrix as upstream keeps it: two numbers to a byte, the first in the upper half, and a scale a row."""
    integers, scales = scale_and_round(weight, 4)
    wide = integers.to(torch.int16)
    return ((wide[:, 0::2] << 4) | (wide[:, 1::2] & 15)).to(torch.int8), scales


def train(torch: Any, quantization: Any) -> tuple[list[float], Any]:
    """Losses of some steps, and the trained prefix."""
    torch.manual_seed(20230502)
    layers = [stored_in_four_bits(torch, torch.randn(WIDTH, WIDTH) / 8) for _ in range(LAYERS)]
    prefix = torch.nn.Parameter(torch.randn(4, WIDTH))
    texts, wanted = torch.randn(6, WIDTH), torch.randn(10, WIDTH)
    steps = torch.optim.AdamW([prefix], lr=0.05)
    losses = []
    for _ in range(STEPS):
        hidden = torch.cat([prefix, texts])
        for stored, scales in layers:
            hidden = hidden + torch.tanh(quantization.W8A16Linear.apply(hidden, stored, scales, 4))
        loss = torch.nn.functional.mse_loss(hidden, wanted)
        steps.zero_grad()
        loss.backward()
        steps.step()
        losses.append(float(loss))
    return losses, prefix.detach()


def test_int4_training_without_the_weight_gradient_has_the_same_losses(torch: Any, quantization: Any) -> None:
    plain, plain_prefix = train(torch, quantization)
    assert quantization.weight_gradients == LAYERS * STEPS
    assert plain[-1] < 0.9 * plain[0]  # it learns
    thrift.mend_backward(quantization)
    mended, prefix = train(torch, quantization)
    assert quantization.weight_gradients == LAYERS * STEPS  # none was computed any more
    assert mended == pytest.approx(plain, rel=1e-6)
    assert torch.allclose(prefix, plain_prefix, rtol=1e-5, atol=1e-7)


def test_a_model_is_mended_when_it_is_quantised(torch: Any, quantization: Any) -> None:
    own = quantization.W8A16Linear.backward
    quantised: list[int] = []

    class Model:
        __module__ = "tiny_model_code.modeling"

        def quantize(self, bits: int) -> Any:
            quantised.append(bits)
            return self

    model = Model()
    thrift.leave_weight_gradients_out(model)
    assert quantization.W8A16Linear.backward is own
    assert model.quantize(4) is model
    assert quantised == [4]
    assert quantization.W8A16Linear.backward is not own


def test_upstreams_call_for_checkpointing_does_nothing_where_memory_allows() -> None:
    called: list[str] = []
    model = SimpleNamespace(gradient_checkpointing_enable=lambda: called.append("on"))
    thrift.keep_activations(model)
    model.gradient_checkpointing_enable()
    assert called == []
