"""Compiles CUDA source on the machine and launches it: NVRTC as torch brings it, and the driver's own functions.

Neither a compiler nor another package is needed. What was compiled is kept in a folder, under a name of source,
options, card and compiler.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from guest.files import replace_file

_LIBRARY = "nvrtc64_*.dll" if sys.platform == "win32" else "libnvrtc.so*"
_TORCH_LIBRARY = "libnvrtc-*.so*"
#: Shared memory that a block gets without asking for more.
MOST_SHARED_BYTES = 48 * 1024


class CudaError(Exception):
    """Something that the driver or the compiler refused; the text says what."""


class Compiler:
    """NVRTC from a library file."""

    def __init__(self, library: Path) -> None:
        try:
            self._nvrtc = ctypes.CDLL(str(library))
        except OSError as error:
            raise CudaError(f"{library.name} does not load: {error}") from None
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._check(self._nvrtc.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
        self.version = f"{major.value}.{minor.value}"

    def compile(self, source: str, options: Sequence[str], architecture: str) -> bytes:
        """Machine code for `sm_NN`. Raises CudaError with the compiler's own words."""
        program = ctypes.c_void_p()
        text, name = source.encode(), b"kernels.cu"
        self._check(self._nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, name, 0, None, None))
        try:
            given = [option.encode() for option in (*options, f"--gpu-architecture={architecture}", "--std=c++14")]
            array = (ctypes.c_char_p * len(given))(*given)
            code = self._nvrtc.nvrtcCompileProgram(program, len(given), array)
            if code:
                raise CudaError(f"the kernels do not compile for {architecture}: {self._log(program)}")
            size = ctypes.c_size_t()
            self._check(self._nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size)))
            made = ctypes.create_string_buffer(size.value)
            self._check(self._nvrtc.nvrtcGetCUBIN(program, made))
            return made.raw
        finally:
            self._nvrtc.nvrtcDestroyProgram(ctypes.byref(program))

    def _log(self, program: ctypes.c_void_p) -> str:
        size = ctypes.c_size_t()
        self._nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self._nvrtc.nvrtcGetProgramLog(program, log)
        return log.value.decode("utf-8", "replace").strip()

    def _check(self, code: int) -> None:
        if code:
            raise CudaError(f"NVRTC failed with {code}")


def find_compiler(torch_folder: Path) -> Compiler:
    """The NVRTC beside torch: in its `lib`, or in NVIDIA's packages next to it. Raises CudaError."""
    packages = torch_folder.parent / "nvidia"
    found = [*(torch_folder / "lib").glob(_LIBRARY), *(torch_folder / "lib").glob(_TORCH_LIBRARY)]
    found += packages.glob(f"cuda_nvrtc/lib/{_LIBRARY}")
    found += packages.glob(f"cu*/lib/{_LIBRARY}")
    wanted = [path for path in found if "builtins" not in path.name and ".alt." not in path.name]
    if not wanted:
        raise CudaError(f"torch in {torch_folder} brings no NVRTC")
    return Compiler(sorted(wanted)[0])


def compiled(compiler: Compiler, source: str, options: Sequence[str], architecture: str, kept: Path) -> bytes:
    """Machine code from the folder of what was compiled before, or compiled now and put there."""
    told = "\0".join([source, *options, architecture, compiler.version])
    path = kept / f"kernels-{architecture}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.cubin"
    try:
        return path.read_bytes()
    except OSError:
        code = compiler.compile(source, options, architecture)
    # Where it cannot be kept, the next start compiles again, which takes a second.
    with contextlib.suppress(OSError):
        replace_file(path, code)
    return code


class Module:
    """Loaded machine code, in the context that torch made."""

    def __init__(self, code: bytes) -> None:
        self._cuda = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        self._code = code
        self._module = ctypes.c_void_p()
        self._check(self._cuda.cuModuleLoadData(ctypes.byref(self._module), code), "loading the kernels")

    def function(self, name: str) -> Function:
        found = ctypes.c_void_p()
        self._check(self._cuda.cuModuleGetFunction(ctypes.byref(found), self._module, name.encode()), name)
        return Function(self, name, found)

    def launch(self, function: ctypes.c_void_p, name: str, launch: Launch, stream: int, values: Any) -> None:
        code = self._cuda.cuLaunchKernel(
            function, *launch.grid, launch.threads, 1, 1, launch.shared, ctypes.c_void_p(stream), values, None
        )
        self._check(code, name)

    def _check(self, code: int, doing: str) -> None:
        if code:
            text = ctypes.c_char_p()
            self._cuda.cuGetErrorString(code, ctypes.byref(text))
            raise CudaError(f"{doing}: {(text.value or b'error').decode()} ({code})")


class Launch:
    """How many blocks (three numbers), how many threads in each, and their shared memory in bytes."""

    def __init__(self, grid: tuple[int, int, int], threads: int, shared: int = 0) -> None:
        self.grid, self.threads, self.shared = grid, threads, shared


class Function:
    """A kernel. Arguments are tensors (their address), None, integers of 32 bits, and floats of 32 bits."""

    def __init__(self, module: Module, name: str, handle: ctypes.c_void_p) -> None:
        self._module, self._name, self._handle = module, name, handle

    def __call__(self, stream: int, launch: Launch, *arguments: Any) -> None:
        self.launch(stream, launch, [_c_value(argument) for argument in arguments])

    def launch(self, stream: int, launch: Launch, held: Sequence[Any]) -> None:
        """Launch with values that are ctypes already; they are copied before this returns."""
        values = (ctypes.c_void_p * len(held))(*(ctypes.addressof(value) for value in held))
        self._module.launch(self._handle, self._name, launch, stream, values)


def _c_value(argument: Any) -> Any:
    if argument is None:
        return ctypes.c_void_p(0)
    if isinstance(argument, int):
        return ctypes.c_int32(argument)
    if isinstance(argument, float):
        return ctypes.c_float(argument)
    return ctypes.c_void_p(argument.data_ptr())
