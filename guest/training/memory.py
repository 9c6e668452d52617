"""What a training or an evaluation needs of the GPU's memory, and what is chosen by it.

Weights follow from the model's shape (28 layers of 12 x 4096 x 4096 numbers, an embedding of 130,528 x 4096). The rest
was measured with random weights of that shape on an H100, batch 1, prefix 128 (peak reserved, GiB): training at 256
tokens 12.8 with checkpointing and 15.0 without, at 512 tokens 13.3, at 1,024 14.3; int4 4.8 and 7.4; predicting 16 rows
of 32 + 64 tokens 13.3 without a prefix. With one (H200): 1 row 12.0, 8 rows 13.3, 16 rows 15.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from guest.gpu import GIB, WEIGHTS_GIB
from guest.phrases import phrase
from guest.training.options import TrainOptions

#: GiB that CUDA itself takes and that is left over in any case.
_CONTEXT_GIB = 0.4
_SPARE_GIB = 0.3
_LAYERS, _HEADS, _VOCABULARY, _KEY_VALUE_BYTES = 28, 32, 130_528, 28 * 2 * 4096 * 2
#: Sizes of a batch of predictions. Upstream pads per 1,000 rows: with a divisor no batch has rows of two lengths.
BATCH_SIZES = (1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100)


@dataclass(frozen=True)
class Thrift:
    """What of upstream's training is left out. `words` says it to a person."""

    checkpointing: bool
    weight_gradients: bool
    words: str


def training_gib(options: TrainOptions, *, checkpointing: bool) -> float:
    """GiB that a training takes at its peak."""
    tokens = options.max_source_length + options.max_target_length
    batch = options.per_device_train_batch_size
    needed = WEIGHTS_GIB[options.quantization_bit] + 0.8 + batch * 0.00196 * tokens
    if not checkpointing:
        # What every layer keeps: 7.3 MiB a token, and the scores of all heads over prefix and tokens.
        scores = _LAYERS * _HEADS * 6 * tokens * (tokens + options.pre_seq_len)
        needed += batch * (tokens * 7.3 / 1024 + scores / GIB)
    return needed


def choose_thrift(options: TrainOptions, free: int | None, *, ran_out: bool = False) -> Thrift:
    """What to leave out. `ran_out`: without checkpointing this run has found too little memory before."""
    needed = training_gib(options, checkpointing=False)
    fits = free is not None and needed + _CONTEXT_GIB + _SPARE_GIB <= free / GIB
    keep = not fits or ran_out
    if ran_out:
        why = phrase("with gradient checkpointing, since without it memory ran out")
    elif free is None:
        why = phrase("with gradient checkpointing, since the GPU's free memory is not known")
    elif keep:
        why = phrase(
            "with gradient checkpointing: without it {needed:.1f} GiB are needed and {free:.1f} are free",
            needed=needed,
            free=free / GIB,
        )
    else:
        why = phrase(
            "without gradient checkpointing: {needed:.1f} of {free:.1f} free GiB are needed",
            needed=needed,
            free=free / GIB,
        )
    if options.quantization_bit is None:
        return Thrift(keep, weight_gradients=True, words=why)
    return Thrift(
        keep, weight_gradients=False, words=phrase("{why}; without the weights' gradients, which nobody uses", why=why)
    )


def prediction_gib(options: TrainOptions, batch_size: int) -> float:
    """GiB that predicting takes at its peak."""
    tokens = options.pre_seq_len + options.max_source_length + options.max_target_length
    # Keys and values of every token; logits of the whole prompt; the prefix of each row, first in 32 bits.
    row = float(tokens * _KEY_VALUE_BYTES + options.max_source_length * _VOCABULARY * 4)
    row += options.pre_seq_len * 1.2 * 1024**2 + 40 * 1024**2
    return WEIGHTS_GIB[options.quantization_bit] + 0.2 + batch_size * row / GIB


def batch_size(options: TrainOptions, free: int | None, rows: int) -> int:
    """Rows that are predicted at once: the largest divisor of 1,000 that fits, and no more than there are rows."""
    if free is None:
        return 1
    room = free / GIB - _CONTEXT_GIB - _SPARE_GIB
    fitting = [size for size in BATCH_SIZES if prediction_gib(options, size) <= room and size <= max(rows, 1)]
    return max(fitting, default=1)
