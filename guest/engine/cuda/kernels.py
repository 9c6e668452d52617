"""The kernels for one model on one card, with what each launch needs to know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guest.engine.cuda.driver import CudaError, Function, Launch, Module, compiled, find_compiler
from guest.engine.linear import Linear
from guest.engine.shape import Shape
from guest.engine.torch_later import torch

SOURCE = Path(__file__).with_name("kernels.cu")
#: Tiles of weights that a thread has under way, and the columns of a tile, by the bits of a weight.
AHEAD = {16: 4, 8: 8, 4: 4}
TILE_COLUMNS = {16: 32, 8: 32, 4: 64}
ROWS = 16
MOST_WARPS = 16
ATTENTION_THREADS = 128
#: Blocks that may share the places of one head (MOST_PARTS in the source).
PARTS = 16
PLAIN, GELU, RESIDUAL = "PLAIN", "GELU", "RESIDUAL"
#: Tensor cores that take fp16 and add in fp32 came with this compute capability.
OLDEST = (7, 5)


def options(shape: Shape) -> list[str]:
    """What the source is compiled with."""
    sizes = {"HIDDEN": shape.hidden, "HEADS": shape.heads, "HEAD": shape.head}
    ahead = {f"AHEAD_{bits}": count for bits, count in AHEAD.items()}
    return [f"-D{name}={value}" for name, value in {**sizes, **ahead}.items()]


class Kernels:
    """Compiled for the card that is there. Raises CudaError where that fails, and says why."""

    def __init__(self, shape: Shape, device: Any, kept: Path) -> None:
        capability = torch.cuda.get_device_capability(device)
        if capability < OLDEST:
            name = torch.cuda.get_device_name(device)
            raise CudaError(f"{name} is older than compute capability {OLDEST[0]}.{OLDEST[1]}")
        if shape.head not in (16, 32, 64, 128) or shape.hidden % 256 or shape.hidden > 8192:
            raise CudaError(f"there are no kernels for a width of {shape.hidden} and heads of {shape.head}")
        compiler = find_compiler(Path(torch.__file__).parent)
        architecture = f"sm_{capability[0]}{capability[1]}"
        code = compiled(compiler, SOURCE.read_text(encoding="ascii"), options(shape), architecture, kept)
        torch.zeros(1, device=device)  # torch makes the context that the module is loaded into
        self._shape, self._module = shape, Module(code)
        self._functions: dict[str, Function] = {}

    def function(self, name: str) -> Function:
        if name not in self._functions:
            self._functions[name] = self._module.function(name)
        return self._functions[name]

    def linear(self, linear: Linear, kind: str, values: Any, out: Any, count: int, *, residual: Any = None) -> None:
        """Multiply the first `count` rows of `values`, each a sequence's."""
        tiles = linear.columns // TILE_COLUMNS[linear.bits]
        warps = max(4, min(MOST_WARPS, tiles // (2 * AHEAD[linear.bits])))
        self.function(f"linear_{linear.bits}_{kind}")(
            _stream(),
            Launch((linear.rows // ROWS, 1, 1), warps * 32, warps * 128 * 4),
            linear.data,
            linear.scale,
            linear.bias,
            values,
            residual,
            out,
            linear.rows,
            linear.columns,
            count,
            float(self._shape.residual),
        )

    def matrix(self, linear: Linear, out: Any) -> Any:
        """The matrix in fp16, written to the beginning of `out`."""
        tiles = linear.columns // TILE_COLUMNS[linear.bits]
        warps = min(8, tiles)
        launch = Launch((-(-tiles // warps), linear.rows // ROWS, 1), warps * 32)
        self.function(f"open_matrix_{linear.bits}")(_stream(), launch, linear.data, linear.scale, out, linear.columns)
        return out[: linear.rows * linear.columns].view(linear.rows, linear.columns)

    def norm(self, values: Any, weight: Any, bias: Any, out: Any, count: int) -> None:
        launch = Launch((count, 1, 1), self._shape.hidden // 8)
        self.function("norm_rows")(_stream(), launch, values, weight, bias, out, float(self._shape.epsilon))

    def norm_embedded(self, embedding: Any, tokens: Any, weight: Any, bias: Any, out: Any, count: int) -> None:
        launch = Launch((count, 1, 1), self._shape.hidden // 8)
        epsilon = float(self._shape.epsilon)
        self.function("norm_embedded")(_stream(), launch, embedding, tokens, weight, bias, out, epsilon)

    def attention(self, *arguments: Any, count: int, places: int) -> None:
        """Arguments in the order of the kernel's, but the last two."""
        launch = Launch((self._shape.heads, PARTS, count), ATTENTION_THREADS)
        self.function("attention")(_stream(), launch, *arguments, places, float(self._shape.head**-0.5))


def _stream() -> int:
    return int(torch.cuda.current_stream().cuda_stream)
