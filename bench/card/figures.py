"""The figures of runs on a card, put where they are printed from.

python -m bench.card.figures RUN.json SERVING.json                      of bench.card.measure and bench.card.serving
python -m bench.card.figures --reasons REASONS.json DATE COMMIT         of bench.card.reasons, run then and there
python -m bench.card.figures --trained TRAINED.json                     of bench.card.trained
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.kept import RESULTS, keep
from guest.engine.cuda.kernels import AHEAD, MOST_WARPS

#: Bytes a second by the makers' data sheets: an H100 SXM's and a T4's memory.
H100_BYTES_S, T4_BYTES_S = 3.35e12, 320e9
PRECISIONS = ("fp16", "int8", "int4")
#: GiB that a T4 offers, of which CUDA's context takes 0.4.
T4_GIB, CONTEXT_GIB = 14.75, 0.4


def figures(run: Mapping[str, Any], serving: Mapping[str, Any]) -> dict[str, float]:
    """By name; those of a T4 are computed: its bandwidth over the bytes a token, times the share reached here."""
    found: dict[str, float] = {}
    for precision in PRECISIONS:
        part = run[precision]
        share = part["tokens_s"] * part["bytes_a_token"] / H100_BYTES_S
        found |= {
            f"{precision}_tokens_s": part["tokens_s"],
            f"{precision}_ratio": part["tokens_s"] / part["upstream_tokens_s"],
            f"{precision}_bandwidth_share": share,
            f"{precision}_t4_tokens_s_computed": share * T4_BYTES_S / part["bytes_a_token"],
            f"{precision}_steps_differing": part["equality"]["steps"] - part["equality"]["equal"],
            f"{precision}_memory_gib": run[f"memory_{precision}"]["peak_reserved_gib_2048"] + CONTEXT_GIB,
            f"{precision}_concurrent_ratio": part["concurrent_tokens_s"]["8"] / part["concurrent_tokens_s"]["1"],
        }
        for length, first in part["first"].items():
            found[f"{precision}_first_token_ratio_{length}"] = first["ratio"]
    # While four others are being answered: they end first.
    found["deploy_seconds"] = max(serving[precision]["switch_while_busy_s"] for precision in ("fp16", "int4"))
    # By the API's answerer, each client a thread.
    found["concurrent_ratio"] = serving["fp16"]["tokens_s"]["8"] / serving["fp16"]["tokens_s"]["1"]
    for precision in ("fp16", "int4"):
        load = run["load"][precision]
        found[f"{precision}_load_ratio"] = load["first_token_s"] / load["raw_read_s"]
        found[f"{precision}_load_ratio_after_imports"] = (load["first_token_s"] - load["imported_s"]) / load[
            "raw_read_s"
        ]
    return {name: round(value, 3) for name, value in found.items()}


def reasons_figures(run: Mapping[str, Any], bytes_a_token: int) -> dict[str, float]:
    """By name; `bytes_a_token` are int4's, by which its share of the bandwidth limit is reckoned as in `figures`."""
    found: dict[str, float] = {}
    for precision in ("fp16", "int4"):
        load = run[f"load_{precision}"]
        found |= {
            f"{precision}_cold_load_ratio": load["first_token_s"] / load["raw_read_s"],
            f"{precision}_cold_load_seconds": load["first_token_s"],
            f"{precision}_cold_seconds_until_torch": load["library_s"],
            f"{precision}_host_peak_gb": load["host_peak_gb"],
        }
    for kind, ties in run["fp16"].items():
        found[f"fp16_steps_differing_prefix_{kind}"] = ties["differ"] / ties["steps"]
    for name, rate in run["int4_kernels"].items():
        ahead, _, warps = name.partition(" ahead, ")
        found[f"int4_tokens_s_{ahead}_ahead_{warps.removesuffix(' warps')}_warps"] = rate
    chosen = found[f"int4_tokens_s_{AHEAD[4]}_ahead_{MOST_WARPS}_warps"]
    share = chosen * bytes_a_token / H100_BYTES_S
    found["int4_chosen_bandwidth_share"] = share
    found["int4_chosen_t4_tokens_s_computed"] = share * T4_BYTES_S / bytes_a_token
    return {name: round(value, 3) for name, value in found.items()}


def keep_reasons(file: Path, date: str, commit: str) -> None:
    run = json.loads(file.read_text(encoding="utf-8"))
    told = json.loads((RESULTS / "engine.json").read_text(encoding="utf-8"))["measured"]["int4"]["bytes_a_token"]
    command = "python -m bench.card.reasons MODEL OUT.json 115"
    path = keep("engine_reasons", reasons_figures(run, told), command, f"one {run['card']}, torch {run['torch']}")
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps({**document, "date": date, "commit": commit, "measured": run}, indent=1) + "\n", encoding="utf-8"
    )


def keep_trained(file: Path) -> None:
    run = json.loads(file.read_text(encoding="utf-8"))
    found = {f"fp16_steps_differing_prefix_trained_{kind}": run[kind]["share"] for kind in ("seen", "unseen")}
    found["trained_prefix_tokens_learnt"] = run["said_as_trained"]
    command = f"python -m bench.card.trained MODEL OUT.json {run['rounds']}"
    path = keep("engine_trained", found, command, f"one {run['card']}, torch {run['torch']}")
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "measured": run}, indent=1) + "\n", encoding="utf-8")


def main(file: Path, served: Path) -> None:
    run, serving = (json.loads(each.read_text(encoding="utf-8")) for each in (file, served))
    path = keep("engine", figures(run, serving), run["command"], f"one {run['card']}, torch {run['torch']}")
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps({**document, "date": run["date"], "measured": run, "serving": serving}, indent=1) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    if sys.argv[1] == "--reasons":
        keep_reasons(Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    elif sys.argv[1] == "--trained":
        keep_trained(Path(sys.argv[2]))
    else:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
