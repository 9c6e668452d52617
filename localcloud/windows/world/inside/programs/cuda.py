"""The CUDA toolkit's installer: `-s`, `-n`, and the names of parts; one unknown name and nothing is installed."""

from __future__ import annotations

import sys
import time

from localcloud.windows.world.inside import memory, plain
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.where import real

_PARTS = [
    "cuda_profiler_api",
    "cudart",
    "cuobjdump",
    "cupti",
    "cuxxfilt",
    "documentation",
    "memcheck",
    "nvcc",
    "nvdisasm",
    "nvml_dev",
    "nvprof",
    "nvprune",
    "nvrtc",
    "nvrtc_dev",
    "nvtx",
    "nsight_nvtx",
    "sanitizer_api",
    "thrust",
    "cublas",
    "cublas_dev",
    "cufft",
    "cufft_dev",
    "curand",
    "curand_dev",
    "cusolver",
    "cusolver_dev",
    "cusparse",
    "cusparse_dev",
    "npp",
    "npp_dev",
    "nvjpeg",
    "nvjpeg_dev",
    "visual_studio_integration",
]
#: What the installer ends with for a part that it does not have (winget-pkgs issue 131152), as 32 bits.
_UNKNOWN_PART = -522190824
_TOOLKIT = "C:\\Program Files\\NVIDIA GPU Computing Toolkit\\CUDA\\v11.8"


def main(call: Call) -> int:
    """0, or the installer's own number."""
    memory.note("install", "cuda")
    parts = [word for word in call.arguments if not word.startswith("-")]
    for word in call.arguments:
        if word.startswith("-") and word not in {"-s", "-n"} and not word.startswith(("-log:", "-loglevel:")):
            sys.stderr.write(f"unknown option {word}\n")
            return -522190847
    if any(part not in {f"{name}_11.8" for name in _PARTS} for part in parts):
        return _UNKNOWN_PART
    order = memory.fault("cuda.exe") or {}
    if "code" in order and not order.get("installs"):
        sys.stdout.buffer.write(order.get("says", "约束阻止安装\r\n").encode("gbk"))
        return int(order["code"])
    time.sleep(0.3)
    for part in parts:
        name = {"nvcc_11.8": "bin\\nvcc.exe", "cudart_11.8": "bin\\cudart64_110.dll"}.get(part, f"lib\\{part}.lib")
        place = real(f"{_TOOLKIT}\\{name}")
        plain.make_folders(plain.folder_of(place))
        with plain.open_plain(place, "wb") as out:
            out.write(part.encode())
    return int(order.get("code", 0))
