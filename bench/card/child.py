"""What is measured in a process of its own: the way from its start to the first token, and the card's memory.

python -m bench.card.child load|load-libraries-first|memory MODEL PRECISION
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def load(model: Path, precision: str) -> dict[str, Any]:
    return _load(model, precision, [])


def load_libraries_first(model: Path, precision: str) -> dict[str, Any]:
    """With torch's own libraries read before the weights: does the import then wait less for the disk?"""
    found = importlib.util.find_spec("torch")
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent
    libraries = [*(folder / "lib").glob("libtorch_*.so"), *(folder / "lib").glob("libc10*.so")]
    libraries += folder.parent.glob("nvidia/*/lib/libcublas*.so*")
    return _load(model, precision, libraries)


def _load(model: Path, precision: str, first: list[Path]) -> dict[str, Any]:
    from guest.engine.host import free_host_bytes
    from guest.engine.reading import Warming
    from guest.serving.engine import PROCESS_BYTES

    kept = model / f"engine-{precision}.weights"
    weights = [kept] if kept.is_file() else sorted(model.glob("pytorch_model-*.bin"))
    warming = Warming([*first, *weights], free_host_bytes() - PROCESS_BYTES)
    import torch  # type: ignore[import-not-found, unused-ignore]

    library = time.perf_counter() - STARTED
    from bench.card import model as real
    from bench.card.measure import free_run
    from guest.engine.opening import open_decoder
    from guest.engine.sampling import Sampling

    torch.zeros(1, device="cuda")
    imported, before = time.perf_counter() - STARTED, _host_peak_gb()
    warming.end()
    decoder = open_decoder(model, precision, model / "compiled")
    opened = time.perf_counter() - STARTED
    free_run(decoder, real.prompt(32), 2, Sampling())
    told = {
        "library_s": library,
        "imported_s": imported,
        "opened_s": opened,
        "first_token_s": time.perf_counter() - STARTED,
    }
    return {
        **{name: round(value, 2) for name, value in told.items()},
        "host_peak_gb": _host_peak_gb(),
        "of_which_torch_gb": before,
        "at_the_end_gb": _host_gb(),
        "read_first_gb": round(sum(path.stat().st_size for path in first) / 1e9, 2),
    }


def _host_gb() -> dict[str, float]:
    """Memory of this process by kind: its own, pages of files (given back when others need room), shared."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    rows = {line.partition(":")[0]: line.split()[1] for line in lines if line.startswith(("Rss", "VmHWM"))}
    return {name: round(int(kilobytes) * 1024 / 1e9, 2) for name, kilobytes in rows.items()}


def _host_peak_gb() -> float:
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


def memory(model: Path, precision: str) -> dict[str, Any]:
    """Peaks with the 14.75 GiB of a T4, of which the context takes 0.4, and a prompt of 2,048 tokens."""
    import torch

    from bench.card import model as real
    from bench.card.measure import free_run
    from guest.engine.opening import open_decoder
    from guest.engine.sampling import Sampling

    limit = int(14.35 * 2**30)
    whole = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(limit / whole)
    torch.cuda.mem_get_info = lambda *_: (limit - torch.cuda.memory_reserved(), limit)
    decoder = open_decoder(model, precision, model / "compiled")
    told: dict[str, Any] = {"places": decoder.cache.places.length, "limit_gib": 14.35}
    for length in (512, 2048):
        torch.cuda.reset_peak_memory_stats()
        free_run(decoder, real.prompt(length), 64, Sampling())
        told[f"peak_allocated_gib_{length}"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        told[f"peak_reserved_gib_{length}"] = round(torch.cuda.max_memory_reserved() / 2**30, 2)
    return told


if __name__ == "__main__":
    role = {"load": load, "load-libraries-first": load_libraries_first, "memory": memory}[sys.argv[1]]
    sys.stdout.write(json.dumps(role(Path(sys.argv[2]), sys.argv[3])) + "\n")
