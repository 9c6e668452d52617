"""Leaves out work whose result is thrown away or that memory does not call for."""

from __future__ import annotations

import sys
from typing import Any


def keep_activations(model: Any) -> None:
    """Make upstream's call for gradient checkpointing do nothing: memory for what it would compute twice is there."""
    model.gradient_checkpointing_enable = lambda *_, **__: None


def leave_weight_gradients_out(model: Any) -> None:
    """Do not compute the gradient of a quantised weight.

    The weight is frozen, and the gradient, as large as the weight in 16 bits, is thrown away at once
    (quantization.py of the model's code, `W8A16Linear.backward`).
    """
    own_quantize = model.quantize

    def quantize(*args: Any, **kwargs: Any) -> Any:
        quantised = own_quantize(*args, **kwargs)
        code = sys.modules.get(type(model).__module__.rpartition(".")[0] + ".quantization")
        if code is not None:
            mend_backward(code)
        return quantised

    model.quantize = quantize


def mend_backward(quantization: Any) -> None:
    """Replace the backward step in the model's module `quantization`."""

    def backward(ctx: Any, grad_output: Any) -> Any:
        _, quant_w, scale_w = ctx.saved_tensors
        weight = quantization.extract_weight_to_half(quant_w, scale_w, ctx.weight_bit_width)
        rows = grad_output.contiguous().view(-1, weight.size(0))
        return rows.mm(weight).view(ctx.inp_shape), None, None, None

    quantization.W8A16Linear.backward = staticmethod(backward)
