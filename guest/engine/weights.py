"""The model's weights on the device, in the precision that was asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.engine import quantise
from guest.engine.kept import kept_entries, kept_file
from guest.engine.linear import Linear, quantised
from guest.engine.reading import Filling, Reader
from guest.engine.shape import Shape
from guest.engine.shards import DamagedError, Entry, model_entries
from guest.engine.torch_later import torch
from guest.errors import GuestError
from guest.phrases import phrase

BITS = {"fp16": 16, "int8": 8, "int4": 4}
#: Once a word of the table of positions, which is computed here.
_UNUSED = re.compile(r"\.rotary_emb\.inv_freq$|^transformer\.prefix_encoder\.")
_EMBEDDING, _OUTPUT = "transformer.word_embeddings.weight", "lm_head.weight"

Progress = Callable[[int, int], None]


@dataclass
class Norm:
    weight: Any
    bias: Any


@dataclass
class Layer:
    before: Norm
    attention_in: Linear
    attention_out: Linear
    between: Norm
    up: Linear
    down: Linear

    def linears(self) -> tuple[Linear, ...]:
        return self.attention_in, self.attention_out, self.up, self.down


@dataclass
class Weights:
    """`embedding` (vocabulary, hidden) and `output` may share their numbers."""

    shape: Shape
    bits: int
    embedding: Any
    output: Linear
    final: Norm
    layers: list[Layer] = field(repr=False)

    @property
    def bytes_a_token(self) -> int:
        """Bytes of weights that one token's step reads; over the card's bandwidth they are the floor of its time."""
        return self.output.bytes + sum(linear.bytes for layer in self.layers for linear in layer.linears())


class Loading:
    """Weights whose tensors stand, while their numbers may still be on their way.

    `was_kept` says whether weights quantised earlier are read instead of the model's files.
    """

    def __init__(self, weights: Weights, *, was_kept: bool, filling: Filling | None, told: _Told) -> None:
        self.weights, self.was_kept = weights, was_kept
        self._filling, self._told = filling, told

    def __enter__(self) -> Loading:
        return self

    def __exit__(self, *_: object) -> None:
        if self._filling is not None:
            self._filling.stop()

    def finish(self) -> None:
        """Return when all numbers are there. Raises GuestError for a damaged file."""
        if self._filling is not None:
            for entry in self._filling.finish():
                self._told.add(entry.bytes)


class _Told:
    """Adds up what has been read, for who wants to hear."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def add(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)


def load_weights(
    model: Path, shape: Shape, precision: str, device: Any, *, dtype: Any = None, progress: Progress | None = None
) -> tuple[Weights, bool]:
    """As `begin_weights`, to the end; the flag is `Loading.was_kept`."""
    try:
        with begin_weights(model, shape, precision, device, dtype=dtype, progress=progress) as loading:
            loading.finish()
            return loading.weights, loading.was_kept
    except DamagedError:
        if not drop_kept(model, precision):
            raise
    return load_weights(model, shape, precision, device, dtype=dtype, progress=progress)


def drop_kept(model: Path, precision: str) -> bool:
    """Remove weights that were kept in this precision, which proved damaged; False where none are.

    They only save time: the model's own files are there, and it is made anew of them.
    """
    kept = kept_file(model, BITS[precision])
    there = kept.is_file()
    kept.unlink(missing_ok=True)
    return there


def begin_weights(
    model: Path, shape: Shape, precision: str, device: Any, *, dtype: Any = None, progress: Progress | None = None
) -> Loading:
    """Begin to read a model's folder to the device; `dtype` (default: fp16) is that of what is not quantised.

    What is to be quantised or changed is read at once. `progress` hears bytes done and bytes in all. Raises GuestError
    where files are missing, broken, or of another model.
    """
    bits, dtype = BITS[precision], dtype or torch.float16
    if shape.bits and shape.bits != bits:
        raise GuestError(
            phrase(
                "The model's files hold {bits}-bit weights; {precision} cannot be made of them.",
                bits=shape.bits,
                precision=precision,
            ),
            phrase("Set chatglm:precision to int{bits}, or chatglm:model to THUDM/chatglm-6b.", bits=shape.bits),
        )
    kept = kept_entries(model, shape, bits) if bits != 16 and not shape.bits else None
    entries = kept or _needed(model_entries(model), shape)
    told = _Told(sum(entry.bytes for entry in entries.values()), progress)
    assembly = _Assembly(shape, bits, dtype, packed=kept is not None)
    reader, listed = Reader(device), list(entries.values())
    if all(assembly.takes_as_it_is(entry) for entry in listed):
        filling = reader.begin(listed)
        try:
            for entry, tensor in zip(listed, filling.tensors, strict=True):
                assembly.take(entry.name, tensor)
            return Loading(assembly.weights(), was_kept=kept is not None, filling=filling, told=told)
        except BaseException:
            filling.stop()
            raise
    for entry, tensor in reader.read(listed):
        assembly.take(entry.name, tensor)
        told.add(entry.bytes)
    return Loading(assembly.weights(), was_kept=False, filling=None, told=told)


def _needed(entries: dict[str, Entry], shape: Shape) -> dict[str, Entry]:
    """Only what is used, and of two equal matrices one: transformers ties them, and the output layer's is read last."""
    needed = {name: entry for name, entry in entries.items() if not _UNUSED.search(name)}
    if shape.tied and _OUTPUT in needed:
        needed.pop(_EMBEDDING, None)
    return needed


class _Assembly:
    """Takes tensors as they arrive and quantises at once, so that the device never holds the model in fp16 besides."""

    def __init__(self, shape: Shape, bits: int, dtype: Any, *, packed: bool) -> None:
        self._shape, self._bits, self._dtype, self._packed = shape, bits, dtype, packed
        self._held: dict[str, Any] = {}
        self._expected = dict(_expected(shape, bits, packed=packed))

    def takes_as_it_is(self, entry: Entry) -> bool:
        """Whether an entry's numbers are used as they lie in the file."""
        if entry.dtype == "uint8":
            return self._packed
        return getattr(torch, entry.dtype) == self._dtype and not self._is_quantised_here(entry.name)

    def _is_quantised_here(self, name: str) -> bool:
        is_matrix = any(name.endswith(f"{linear}.weight") for linear in self._shape.linears())
        return is_matrix and self._bits != 16 and not self._packed

    def take(self, name: str, tensor: Any) -> None:
        expected = self._expected.get(name)
        if expected is None:
            raise GuestError(
                phrase("The files hold {name}, which ChatGLM-6B does not have.", name=name),
                phrase("Fetch the model again."),
            )
        if tuple(tensor.shape) != expected:
            raise GuestError(
                phrase(
                    "{name} has the sizes {sizes} where config.json asks for {expected}.",
                    name=name,
                    sizes=tuple(tensor.shape),
                    expected=expected,
                ),
                phrase("The files are of different revisions: fetch the model again."),
            )
        if self._is_quantised_here(name):
            self._held[name] = self._quantise(tensor)
        elif tensor.is_floating_point() and not name.endswith("weight_scale"):
            self._held[name] = tensor.to(self._dtype)
        else:
            self._held[name] = tensor

    def _quantise(self, tensor: Any) -> Any:
        if not self._shape.bits:
            return quantised(tensor, None, self._bits)
        integers = quantise.upstream_integers(tensor) if self._bits == 4 else tensor
        rows, columns = integers.shape
        return Linear(quantise.pack(integers, self._bits), rows, columns, bits=self._bits)

    def weights(self) -> Weights:
        missing = sorted(set(self._expected) - set(self._held))
        optional = {_EMBEDDING, _OUTPUT} if self._shape.tied else set()
        lacking = [name for name in missing if name not in optional]
        if lacking or len(optional & set(missing)) == 2:
            raise GuestError(
                phrase(
                    "The files lack {count} tensors of the model, {lacking} the first.",
                    count=len(lacking) or 1,
                    lacking=(lacking or missing)[0],
                ),
                phrase("Run the installation again: what is missing is fetched."),
            )
        held = self._held
        output: Any = held.get(_OUTPUT, held.get(_EMBEDDING))
        layers = [self._layer(f"transformer.layers.{number}.") for number in range(self._shape.layers)]
        return Weights(
            shape=self._shape,
            bits=self._bits,
            embedding=held.get(_EMBEDDING, output),
            output=Linear(output, *output.shape),
            final=self._norm("transformer.final_layernorm"),
            layers=layers,
        )

    def _layer(self, root: str) -> Layer:
        linears = [self._linear(root + name) for name in self._shape.linears()]
        return Layer(
            before=self._norm(f"{root}input_layernorm"),
            attention_in=linears[0],
            attention_out=linears[1],
            between=self._norm(f"{root}post_attention_layernorm"),
            up=linears[2],
            down=linears[3],
        )

    def _norm(self, name: str) -> Norm:
        return Norm(self._held[f"{name}.weight"], self._held[f"{name}.bias"])

    def _linear(self, name: str) -> Linear:
        weight, bias = self._held[f"{name}.weight"], self._held[f"{name}.bias"]
        rows, columns = self._shape.linears()[name.split(".", 3)[3]]
        if isinstance(weight, Linear):
            weight.bias = bias
            if weight.scale is None:
                weight.scale = self._held[f"{name}.weight_scale"].half()
            return weight
        scale = self._held.get(f"{name}.weight_scale")
        return Linear(weight, rows, columns, bias, None if scale is None else scale.half(), self._bits)


def _expected(shape: Shape, bits: int, *, packed: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and sizes of every tensor that the files must hold."""
    hidden = shape.hidden
    yield _EMBEDDING, (shape.vocabulary, hidden)
    yield _OUTPUT, (shape.vocabulary, hidden)
    norms = [f"transformer.layers.{n}.{which}" for n in range(shape.layers) for which in _LAYER_NORMS]
    for norm in [*norms, "transformer.final_layernorm"]:
        yield f"{norm}.weight", (hidden,)
        yield f"{norm}.bias", (hidden,)
    for number in range(shape.layers):
        for name, (rows, columns) in shape.linears().items():
            root = f"transformer.layers.{number}.{name}"
            yield f"{root}.bias", (rows,)
            if packed:
                yield f"{root}.weight", (rows * columns * bits // 8,)
            else:
                yield f"{root}.weight", (rows, columns * (shape.bits or 8) // 8)
            if packed or shape.bits:
                yield f"{root}.weight_scale", (rows,)


_LAYER_NORMS = ("input_layernorm", "post_attention_layernorm")


def tensors(weights: Weights) -> Mapping[str, Any]:
    """All tensors of the weights by the names under which they are kept; the inverse of reading packed ones."""
    result = {_OUTPUT: weights.output.data}
    if not weights.shape.tied:
        result[_EMBEDDING] = weights.embedding
    norms = {"transformer.final_layernorm": weights.final}
    for number, layer in enumerate(weights.layers):
        root = f"transformer.layers.{number}."
        norms |= {f"{root}input_layernorm": layer.before, f"{root}post_attention_layernorm": layer.between}
        for name, linear in zip(weights.shape.linears(), layer.linears(), strict=True):
            result |= {f"{root}{name}.weight": linear.data, f"{root}{name}.bias": linear.bias}
            if linear.scale is not None:
                result[f"{root}{name}.weight_scale"] = linear.scale
    for name, norm in norms.items():
        result |= {f"{name}.weight": norm.weight, f"{name}.bias": norm.bias}
    return result
