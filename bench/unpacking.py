"""Compiles the int4 kernels of the model's quantised layers for cards for which it brings none.

The compiled code in quantization.py of v1.1.0 is for compute capability 8.x and below; the T4 of this project is among
them, a Hopper card is not. The kernels here compute the same and are launched by the model's own code (cpm_kernels).
Used by measurements on such cards alone.
"""

from __future__ import annotations

from typing import Any

_SOURCE = r"""
#include <cuda_fp16.h>
extern "C" __global__ void int4WeightCompression(const char *in, char *out, int n, int m) {
    const size_t row = blockIdx.x;
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        const char high = in[row * 2 * m + 2 * i], low = in[row * 2 * m + 2 * i + 1];
        out[row * m + i] = (high << 4) | (low & 15);
    }
}
extern "C" __global__ void int4WeightExtractionHalf(
        const char *in, const __half *scales, __half2 *out, int n, int m) {
    const size_t row = blockIdx.x;
    const __half scale = scales[row];
    for (int i = threadIdx.x; i < m; i += blockDim.x) {
        const char both = in[row * m + i];
        const int high = both >> 4, low = ((char)(both << 4)) >> 4;
        out[row * m + i] = __halves2half2(__hmul(scale, __int2half_rn(high)), __hmul(scale, __int2half_rn(low)));
    }
}
"""


def compile_for(capability: tuple[int, int], headers: str) -> bytes:
    """PTX of the kernels; `headers` is the folder of cuda_fp16.h. Raises RuntimeError with the compiler's words."""
    from cuda.bindings import nvrtc  # type: ignore[import-not-found, unused-ignore]

    _, program = nvrtc.nvrtcCreateProgram(_SOURCE.encode(), b"unpacking.cu", 0, [], [])
    options = [f"--gpu-architecture=compute_{capability[0]}{capability[1]}".encode(), f"-I{headers}".encode()]
    (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    if int(status):
        _, size = nvrtc.nvrtcGetProgramLogSize(program)
        log = b" " * size
        nvrtc.nvrtcGetProgramLog(program, log)
        raise RuntimeError(log.decode())
    _, size = nvrtc.nvrtcGetPTXSize(program)
    code: bytes = b" " * size
    nvrtc.nvrtcGetPTX(program, code)
    return code


def replace(quantization: Any, torch: Any, headers: str) -> None:
    """Give the model's module these kernels, and check them on a small weight."""
    code = compile_for(torch.cuda.get_device_capability(), headers)
    # A pointer for cuModuleLoadData, which reads the PTX up to its end.
    quantization.kernels = quantization.Kernel(code + b"\0", ["int4WeightCompression", "int4WeightExtractionHalf"])
    numbers = torch.randint(-8, 8, (6, 64), device="cuda", dtype=torch.int8)
    scales = torch.rand(6, device="cuda").half()
    got = quantization.extract_weight_to_half(quantization.compress_int4_weight(numbers), scales, 4)
    expected = numbers.half() * scales[:, None]
    if not torch.equal(got, expected):
        raise RuntimeError("the unpacked weight is another")
