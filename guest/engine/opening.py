"""From a model's folder to a decoder that is ready: reading, memory, kernels, graphs. Without a card, nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Thread

from guest.engine.card import RECORDING
from guest.engine.cuda.driver import CudaError
from guest.engine.cuda.kernels import Kernels
from guest.engine.cuda.prompt import RecordedPrefill
from guest.engine.cuda.step import CudaStep
from guest.engine.decoder import Decoder
from guest.engine.kept import keep
from guest.engine.shape import Shape, read_shape
from guest.engine.shards import DamagedError
from guest.engine.torch_later import torch
from guest.engine.weights import Progress, Weights, begin_weights, drop_kept, tensors
from guest.errors import GuestError
from guest.phrases import phrase

#: Left to prompts: for 2,048 tokens the widest layer's numbers, once before and once after the activation, and a
#: quantised matrix in fp16 take some 500 MB.
WORK_BYTES = 700 * 10**6
#: The longest that the page's slider asks for, and eight requests of half of that.
FEWEST_PLACES, MOST_PLACES = 512, 8 * 2048

Say = Callable[[str], None]


def open_decoder(
    model: Path, precision: str, compiled: Path, *, say: Say | None = None, progress: Progress | None = None
) -> Decoder:
    """A decoder on the card, with its steps recorded; what is compiled is kept in the folder `compiled`.

    Raises CudaError where the card, the driver or the compiler do not take part, and GuestError where the model's
    files are at fault.
    """
    if not torch.cuda.is_available():
        raise CudaError(phrase("torch sees no card that it can use; the driver may be too old for it"))
    shape, device = read_shape(model), torch.device("cuda", torch.cuda.current_device())
    kernels = Kernels(shape, device, compiled)
    try:
        loaded = _load_sound(model, shape, precision, kernels, progress)
        if loaded is None:  # what was kept proved damaged, and is gone, from the card too
            torch.cuda.empty_cache()
            loaded = _load(model, shape, precision, kernels, progress)
    except torch.cuda.OutOfMemoryError as error:
        raise CudaError(
            phrase(
                "the model in {precision} does not fit the card: {error}",
                precision=precision,
                error=str(error).split(".")[0],
            )
        ) from None
    decoder, was_kept = loaded
    weights = decoder.weights
    if weights.bits != 16 and not shape.bits and not was_kept:
        # Beside the first answers: copying 4 GB from the card and to the disk takes a while.
        Thread(target=_keep, args=(model, weights, say), name="keep", daemon=True).start()
    return decoder


def _load_sound(
    model: Path, shape: Shape, precision: str, kernels: Kernels, progress: Progress | None
) -> tuple[Decoder, bool] | None:
    """As `_load`; None where weights that were kept proved damaged."""
    try:
        return _load(model, shape, precision, kernels, progress)
    except DamagedError:
        if not drop_kept(model, precision):
            raise
    return None


def _load(
    model: Path, shape: Shape, precision: str, kernels: Kernels, progress: Progress | None
) -> tuple[Decoder, bool]:
    """The decoder, and whether its weights were those kept of an earlier start."""
    device = torch.device("cuda", torch.cuda.current_device())
    with begin_weights(model, shape, precision, device, progress=progress) as loading:
        weights = loading.weights
        decoder = Decoder(weights, _places(shape))
        step = CudaStep(weights, decoder.cache, decoder.tables, decoder.slots, kernels)
        decoder.use(step, RecordedPrefill(weights, decoder.cache, decoder.tables, step.multiply))
        # While the disk reads: graphs hold addresses, and these stand.
        decoder.prepare()
        loading.finish()
        return decoder, loading.was_kept


def _places(shape: Shape) -> int:
    """As many places as the card's memory leaves, within limits. Raises GuestError where not even a short chat fits."""
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    places = int(min(MOST_PLACES, (free - WORK_BYTES) // (2 * shape.cache_values)))
    if places < FEWEST_PLACES:
        raise GuestError(
            phrase("The card has {free:.1f} GB left beside the model, too little for a conversation.", free=free / 1e9),
            phrase("Set chatglm:precision to int8 or int4."),
        )
    return places


def _keep(model: Path, weights: Weights, say: Say | None) -> None:
    told = keep(model, weights.shape, weights.bits, tensors(weights), RECORDING)
    if say is not None:
        say(told)
